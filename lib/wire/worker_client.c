/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/worker_client.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "wire/worker_files.h"
#include "wire/worker_libraries.h"

/*
 * A worker is given up after so many steps and so long a time: what its libraries and its memory
 * were then is not kept for ever.
 */
enum { MAX_STEPS = 1000, MAX_AGE_S = 3600, IDLE_S = 120, START_S = 30, ANSWER_MS = 1000 };
enum { FIRST_PAUSE_S = 1, LONGEST_PAUSE_S = 300 };
/* Of its own; it has 2 to 5 MiB. */
static const guint64 max_own_bytes = 64 << 20;

struct worker_client {
	char *path, *actions;
	struct file_state file;		/* of PATH, when it was started */
	pid_t pid;			/* 0: none */
	int fd;				/* our end of its socket; -1: none */
	guint list, watch, idle;	/* source ids */
	GHashTable *known;		/* name to identity; NULL: it has not said its list yet */
	WorkerFiles *files;
	WorkerLibraries *libraries;	/* like KNOWN */
	unsigned steps;
	gint64 started_us, used_us;
	gint64 pause_until_us;
	unsigned pause_s;
	guint64 own_bytes;		/* of its memory, when it was looked at last */
	worker_client_memory *memory;	/* or NULL */
	void *memory_data;
};

static gint64 now_us(void)
{
	return g_get_monotonic_time();
}

static void remove_source(guint *id)
{
	if (*id)
		g_source_remove(*id);

	*id = 0;
}

static void say_memory(WorkerClient *w, guint64 own_bytes)
{
	if (own_bytes == w->own_bytes)
		return;

	w->own_bytes = own_bytes;
	if (w->memory)
		w->memory(w->memory_data, own_bytes);
}

/* The second and third number of statm: resident pages, and those of files. Source: proc(5). */
static guint64 read_own_bytes(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)pid);
	g_autofree char *text = NULL;
	guint64 resident, shared;
	char *at;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;

	at = strchr(text, ' ');
	if (!at)
		return 0;

	resident = g_ascii_strtoull(at, &at, 10);
	shared = g_ascii_strtoull(at, NULL, 10);
	if (shared > resident)
		return 0;

	return (resident - shared) * (guint64)sysconf(_SC_PAGESIZE);
}

static void on_ended(GPid pid G_GNUC_UNUSED, gint status G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
}

/*
 * Ends the worker, which is not making a child now. A child that it has made, and that got no word
 * from us, ends by itself. A watch of its own sees the worker's end.
 */
static void stop_worker(WorkerClient *w)
{
	remove_source(&w->list);
	remove_source(&w->watch);
	remove_source(&w->idle);
	g_clear_pointer(&w->known, g_hash_table_unref);
	g_clear_pointer(&w->files, worker_files_free);
	g_clear_pointer(&w->libraries, worker_libraries_free);

	/*
	 * Killed before its socket is closed, at which it would begin to end by itself: a process
	 * that is killed while the leak check of a sanitizer has stopped it stays a zombie.
	 */
	if (w->pid) {
		kill(w->pid, SIGKILL);
		g_child_watch_add(w->pid, on_ended, NULL);
	}

	w->pid = 0;
	if (w->fd >= 0)
		close(w->fd);

	w->fd = -1;
	say_memory(w, 0);
}

/* The worker is of no use now. The pause before the next try doubles each time. */
static void give_up(WorkerClient *w)
{
	stop_worker(w);
	w->pause_s = CLAMP(w->pause_s * 2, FIRST_PAUSE_S, LONGEST_PAUSE_S);
	w->pause_until_us = now_us() + (gint64)w->pause_s * G_USEC_PER_SEC;
}

static void on_died(GPid pid G_GNUC_UNUSED, gint status G_GNUC_UNUSED, gpointer data)
{
	WorkerClient *w = data;

	w->watch = 0;
	w->pid = 0;		/* reaped */
	give_up(w);
}

static gboolean on_idle(gpointer data)
{
	WorkerClient *w = data;

	if (now_us() - w->used_us < (gint64)IDLE_S * G_USEC_PER_SEC)
		return G_SOURCE_CONTINUE;

	w->idle = 0;
	stop_worker(w);

	return G_SOURCE_REMOVE;
}

static gboolean on_list(gint fd, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	WorkerClient *w = data;
	g_autofree char *text = g_malloc(WORKER_MAX_MESSAGE);
	ssize_t n = recv(fd, text, WORKER_MAX_MESSAGE, MSG_DONTWAIT);

	w->list = 0;
	w->libraries = worker_libraries_new(w->pid);
	if (n > 0 && w->libraries && worker_libraries_same(w->libraries))
		w->known = worker_list_parse(text, (size_t)n, VMM_VERSION);
	if (w->known) {
		w->files = worker_files_new(w->known);
		say_memory(w, read_own_bytes(w->pid));
	} else {
		give_up(w);
	}

	return G_SOURCE_REMOVE;
}

static bool open_pair(int ret[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) == 0;
}

/* The worker says its list when it has loaded all; until then steps are programs. */
static void start_worker(WorkerClient *w)
{
	const char *const argv[] = { w->path, NULL };
	const struct child_spec spec = { .argv = argv };
	int pair[2], rc;

	if (now_us() < w->pause_until_us)
		return;
	if (!file_state_read(w->path, &w->file) || !open_pair(pair))
		return;

	rc = child_spawn(&w->pid, &spec, (const int[]){ pair[1], -1, -1 });
	close(pair[1]);
	w->fd = pair[0];
	if (rc) {
		w->pid = 0;
		give_up(w);
		return;
	}

	w->steps = 0;
	w->started_us = w->used_us = now_us();
	w->watch = g_child_watch_add(w->pid, on_died, w);
	w->list = g_unix_fd_add(w->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_list, w);
	w->idle = g_timeout_add_seconds(IDLE_S / 2, on_idle, w);
}

static bool is_older(const WorkerClient *w, unsigned seconds)
{
	return now_us() - w->started_us > (gint64)seconds * G_USEC_PER_SEC;
}

static bool is_over(const WorkerClient *w)
{
	struct file_state file;

	if (w->steps >= MAX_STEPS)
		return true;
	if (w->own_bytes > max_own_bytes)
		return true;
	if (is_older(w, MAX_AGE_S))
		return true;
	if (!file_state_read(w->path, &file) || !file_state_same(&file, &w->file))
		return true;

	return w->libraries && !worker_libraries_same(w->libraries);
}

bool worker_client_ready(WorkerClient *w, const char *path)
{
	if (!worker_files_in(path, w->actions))
		return false;
	if (w->known)
		say_memory(w, read_own_bytes(w->pid));
	if (w->pid && is_over(w))
		stop_worker(w);
	if (w->pid && !w->known && is_older(w, START_S))
		give_up(w);
	if (!w->pid)
		start_worker(w);

	return w->known && worker_files_same(w->files, path);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static bool send_order(const WorkerClient *w, GBytes *order, const int fds[WORKER_FDS])
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(WORKER_FDS * sizeof(int))];
	} control = { 0 };
	gsize size;
	const void *text = g_bytes_get_data(order, &size);
	struct iovec data = { (void *)text, size };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(WORKER_FDS * sizeof(int));
	memcpy(CMSG_DATA(c), fds, WORKER_FDS * sizeof(int));

	return sendmsg(w->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

/*
 * Reads the next word that comes through GATE. False: there is none; errno is EAGAIN if one may
 * still come.
 */
static bool read_word(int gate, struct worker_word *ret)
{
	ssize_t n;

	do
		n = recv(gate, ret, sizeof(*ret), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);

	if (n == sizeof(*ret) && ret->pid > 0)
		return true;
	if (n >= 0)
		errno = 0;

	return false;
}

/* False: nothing can be read by UNTIL_US. */
static bool wait_readable(int gate, gint64 until_us)
{
	struct pollfd p = { gate, POLLIN, 0 };
	gint64 left_us;

	while ((left_us = until_us - now_us()) > 0) {
		int n = poll(&p, 1, (int)(left_us / 1000) + 1);

		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
	}

	return false;
}

static bool is_our_child(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void wait_for(pid_t pid)
{
	if (is_our_child(pid))
		g_child_watch_add(pid, on_ended, NULL);
}

static gboolean on_refused(gint gate, GIOCondition what G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
	struct worker_word word;
	bool said = read_word(gate, &word);

	if (!said && errno == EAGAIN)
		return G_SOURCE_CONTINUE;
	if (said)
		wait_for(word.pid);

	close(gate);

	return G_SOURCE_REMOVE;
}

/*
 * From here on no process that waits at this gate can begin. PID (0: not known yet) is to be waited
 * for; one that is not known may still come, if the worker is slow. Takes GATE.
 */
static void refuse(int gate, pid_t pid)
{
	shutdown(gate, SHUT_WR);
	if (pid) {
		wait_for(pid);
		close(gate);
	} else {
		g_unix_fd_add(gate, G_IO_IN | G_IO_HUP | G_IO_ERR, on_refused, NULL);
	}
}

/*
 * Until a process is made and ready at GATE. False: none is; RET has its id, or 0 if not even that
 * came. Both words are read: one left unread would reset the connection when GATE is closed, and
 * the process would not see ours. Source: docs/facts/worker.md 1.
 */
static bool wait_ready(int gate, pid_t *ret)
{
	gint64 until_us = now_us() + ANSWER_MS * 1000;
	bool is_made = false, is_ready = false;
	struct worker_word word;

	*ret = 0;
	while (!(is_made && is_ready)) {
		if (!wait_readable(gate, until_us) || !read_word(gate, &word))
			return false;

		*ret = word.pid;
		if (word.ready)
			is_ready = true;
		else
			is_made = true;
	}

	return is_our_child(*ret);
}

/*
 * Lets the process that waits at GATE begin. 0: none has begun, or will. Takes GATE. Nice before it
 * begins: its first threads are there so soon that they would keep the priority of before.
 */
static pid_t let_begin(int gate, int nice)
{
	const char go = WORKER_GO;
	pid_t pid;

	if (!wait_ready(gate, &pid)) {
		refuse(gate, pid);
		return 0;
	}

	child_make_nice(pid, nice);
	if (send(gate, &go, 1, MSG_NOSIGNAL) != 1) {
		refuse(gate, pid);
		return 0;
	}

	close(gate);

	return pid;
}

static pid_t hand_over(WorkerClient *w, GBytes *order, int nice, const int fds[3])
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int gate[2] = { -1, -1 };
	int all[WORKER_FDS];
	pid_t pid = 0;

	for (int i = 0; i < 3; i++)
		all[WORKER_IN + i] = fds[i] >= 0 ? fds[i] : null;
	if (null >= 0 && open_pair(gate)) {
		all[WORKER_GATE] = gate[1];
		if (!send_order(w, order, all)) {
			close(gate[0]);
			gate[0] = -1;
		}

		close(gate[1]);
	}

	close_fd(null);
	if (gate[0] >= 0)
		pid = let_begin(gate[0], nice);
	if (!pid)
		give_up(w);

	return pid;
}

int worker_client_begin(WorkerClient *w, const struct worker_order *order, const int fds[3])
{
	g_autoptr(GBytes) message = worker_order_pack(order);
	pid_t pid;

	if (!message)
		return 0;

	pid = hand_over(w, message, order->nice, fds);
	if (pid) {
		w->steps++;
		w->used_us = now_us();
		w->pause_s = 0;
	}

	return pid;
}

int worker_client_start(void *worker_client, const struct child_spec *spec, const int fds[3])
{
	const struct worker_order order = {
		text_or(spec->cwd, ""), spec->argv,
		spec->env ? spec->env : (const char *const *)environ,
		spec->nice,
	};

	if (!worker_client_ready(worker_client, spec->argv[0]))
		return 0;

	return worker_client_begin(worker_client, &order, fds);
}

void worker_client_watch(WorkerClient *w, worker_client_memory *memory, void *data)
{
	w->memory = memory;
	w->memory_data = data;
}

WorkerClient *worker_client_new(const char *directory)
{
	WorkerClient *w = g_new0(WorkerClient, 1);

	w->path = g_build_filename(directory, "worker", NULL);
	w->actions = g_build_filename(directory, "kvm", NULL);
	w->fd = -1;

	return w;
}

void worker_client_free(WorkerClient *w)
{
	if (!w)
		return;

	stop_worker(w);
	g_free(w->path);
	g_free(w->actions);
	g_free(w);
}
