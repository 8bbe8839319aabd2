/* SPDX-License-Identifier: Apache-2.0 */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DRAIN_MS = 500, GRACE_MS = 2000, DEFAULT_MAX_OUTPUT = 1 << 20, READ_SIZE = 65536 };

/* One end of a pipe to the child. */
struct stream {
	int fd;			/* -1 when closed */
	GSource *source;
	GString *text;		/* stdout and stderr */
	GString *tail;		/* the newest bytes, once TEXT holds its half */
	size_t dropped;		/* bytes between TEXT and TAIL */
};

struct child {
	GMainContext *context;
	pid_t pid;
	int status;		/* of waitpid(); valid when EXITED */
	bool exited, timed_out, cancelled;
	unsigned grace_ms;
	size_t max_output;
	gint64 started_us;
	struct stream in, out, err;
	GBytes *input;
	size_t written;
	GQueue more;		/* of GBytes, after INPUT */
	bool hold_input;
	child_reader *reader;
	child_progress *progress;
	GSource *watch, *timer, *drain;
	child_done *done;
	void *data;
};

static void source_clear(GSource **source)
{
	if (!*source)
		return;
	g_source_destroy(*source);
	g_source_unref(*source);
	*source = NULL;
}

static void stream_close(struct stream *s)
{
	source_clear(&s->source);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void stream_free(struct stream *s)
{
	stream_close(s);
	if (s->text)
		g_string_free(s->text, TRUE);
	if (s->tail)
		g_string_free(s->tail, TRUE);
}

/* Keeps the first and the last half of MAX: an error is at either end. */
static void stream_keep(struct stream *s, const char *buf, size_t len, size_t max)
{
	size_t head = MIN(len, max / 2 - MIN(max / 2, s->text->len));

	g_string_append_len(s->text, buf, (gssize)head);
	if (head == len)
		return;
	if (!s->tail)
		s->tail = g_string_new(NULL);
	g_string_append_len(s->tail, buf + head, (gssize)(len - head));
	if (s->tail->len > max) {	/* not at each read: that would be quadratic */
		s->dropped += s->tail->len - max / 2;
		g_string_erase(s->tail, 0, (gssize)(s->tail->len - max / 2));
	}
}

static void stream_join(struct stream *s, size_t max)
{
	if (!s->tail)
		return;
	if (s->tail->len > max / 2) {
		s->dropped += s->tail->len - max / 2;
		g_string_erase(s->tail, 0, (gssize)(s->tail->len - max / 2));
	}

	if (s->dropped)
		g_string_append_printf(s->text, "\n[%zu bytes left out]\n", s->dropped);
	g_string_append_len(s->text, s->tail->str, (gssize)s->tail->len);
}

static int live;

unsigned child_count(void)
{
	return (unsigned)g_atomic_int_get(&live);
}

static void child_free(Child *c)
{
	g_atomic_int_add(&live, -1);
	source_clear(&c->watch);
	source_clear(&c->timer);
	source_clear(&c->drain);
	stream_free(&c->in);
	stream_free(&c->out);
	stream_free(&c->err);
	g_clear_pointer(&c->input, g_bytes_unref);
	g_queue_clear_full(&c->more, (GDestroyNotify)g_bytes_unref);
	g_free(c);
}

static void child_end(Child *c)
{
	struct child_result result = {
		.exit_status = WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1,
		.signal = WIFSIGNALED(c->status) ? WTERMSIG(c->status) : 0,
		.timed_out = c->timed_out,
		.cancelled = c->cancelled,
		.wall_us = g_get_monotonic_time() - c->started_us,
	};

	stream_join(&c->out, c->max_output);
	stream_join(&c->err, c->max_output);
	result.out_dropped = c->out.dropped;
	result.out = c->out.text;
	result.err = c->err.text;
	c->done(c->data, &result);
	child_free(c);
}

static void finish_when_over(Child *c)
{
	if (c->exited && c->out.fd < 0 && c->err.fd < 0)
		child_end(c);
}

static void add_source(Child *c, GSource **slot, GSource *source, GSourceFunc func)
{
	*slot = source;
	g_source_set_callback(source, func, c, NULL);
	g_source_attach(source, c->context);
}

enum readiness { READ_SOME, READ_NOTHING_YET, READ_END };

static enum readiness stream_read(Child *c, struct stream *s)
{
	char buf[READ_SIZE];
	ssize_t n = read(s->fd, buf, sizeof(buf));

	if (n > 0 && s == &c->out && c->reader)
		c->reader(c->data, c, buf, (size_t)n);
	else if (n > 0)
		stream_keep(s, buf, (size_t)n, c->max_output);
	if (n > 0 || (n < 0 && errno == EINTR))
		return READ_SOME;
	if (n < 0 && errno == EAGAIN)
		return READ_NOTHING_YET;

	return READ_END;
}

/* What an ended program left in its pipe is there already. */
static void stream_read_rest(Child *c, struct stream *s)
{
	enum readiness r = READ_SOME;

	while (s->fd >= 0 && r == READ_SOME)
		r = stream_read(c, s);
	if (r == READ_END)
		stream_close(s);
}

static gboolean on_output(struct stream *s, Child *c)
{
	if (stream_read(c, s) != READ_END)
		return G_SOURCE_CONTINUE;
	stream_close(s);
	finish_when_over(c);

	return G_SOURCE_REMOVE;
}

static gboolean on_out(gint fd G_GNUC_UNUSED, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	Child *c = data;
	gboolean more = on_output(&c->out, c);

	if (more && c->progress)
		c->progress(c->data, c, c->out.text);

	return more;
}

static gboolean on_err(gint fd G_GNUC_UNUSED, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	return on_output(&((Child *)data)->err, data);
}

static bool next_input(Child *c)
{
	GBytes *next = g_queue_pop_head(&c->more);

	if (!next)
		return false;

	g_bytes_unref(c->input);
	c->input = next;
	c->written = 0;

	return true;
}

/* A program need not read its stdin: EPIPE only ends the writing. True while more is left. */
static bool write_input(Child *c)
{
	gsize size;
	const char *text = g_bytes_get_data(c->input, &size);	/* NULL when there is none */
	const char *rest = size ? text + c->written : "";
	ssize_t n = write(c->in.fd, rest, size - c->written);

	if (n > 0)
		c->written += (size_t)n;
	if (n < 0 ? errno == EAGAIN || errno == EINTR : c->written < size || next_input(c))
		return true;
	if (c->hold_input && n >= 0)
		source_clear(&c->in.source);
	else
		stream_close(&c->in);

	return false;
}

static gboolean on_in(gint fd G_GNUC_UNUSED, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	return write_input(data);
}

static gboolean on_drained(gpointer data)
{
	Child *c = data;

	stream_close(&c->out);
	stream_close(&c->err);
	finish_when_over(c);

	return G_SOURCE_REMOVE;
}

/* Sends SIG to its process group. */
static void signal_group(const Child *c, int sig)
{
	if (!c->exited)
		kill(-c->pid, sig);
}

static void on_exit_status(GPid pid G_GNUC_UNUSED, gint status, gpointer data)
{
	Child *c = data;

	if (c->timed_out || c->cancelled)
		signal_group(c, SIGKILL);		/* those of its group that outlived it */
	c->status = status;
	c->exited = true;
	source_clear(&c->timer);
	stream_close(&c->in);
	stream_read_rest(c, &c->out);
	stream_read_rest(c, &c->err);

	if (c->out.fd >= 0 || c->err.fd >= 0)
		add_source(c, &c->drain, g_timeout_source_new(DRAIN_MS), on_drained);
	else
		child_end(c);
}

static gboolean on_kill(gpointer data)
{
	signal_group(data, SIGKILL);
	return G_SOURCE_CONTINUE;	/* what a dying group still forks is killed next time */
}

static void child_stop(Child *c)
{
	source_clear(&c->timer);
	signal_group(c, SIGTERM);
	add_source(c, &c->timer, g_timeout_source_new(c->grace_ms), on_kill);
}

static gboolean on_late(gpointer data)
{
	Child *c = data;

	c->timed_out = true;
	child_stop(c);

	return G_SOURCE_REMOVE;
}

void child_cancel(Child *c)
{
	if (c->exited || c->cancelled)
		return;
	c->cancelled = true;
	child_stop(c);
}

void child_abandon(Child *c, int sig)
{
	signal_group(c, sig);
	child_free(c);
}

size_t child_unwritten(const Child *c)
{
	size_t n = 0;

	if (c->input)
		n = g_bytes_get_size(c->input) - c->written;

	for (const GList *l = c->more.head; l; l = l->next)
		n += g_bytes_get_size(l->data);

	return n;
}

int child_pid(const Child *c)
{
	return c->pid;
}

/* FDS: the child's ends of stdin, stdout and stderr; -1: /dev/null. SESSION: its own. */
static int spawn(pid_t *pid, const struct child_spec *spec, const int fds[3], bool session)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none, dfl;
	int rc;

	sigemptyset(&none);

	/* SIGPIPE is ignored in drivers, and exec keeps that; for others glibc else looks first. */
	sigfillset(&dfl);
	posix_spawn_file_actions_init(&fa);

	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
		if (fds[i] < 0)
			posix_spawn_file_actions_addopen(&fa, i, "/dev/null", O_RDWR, 0);
		else
			posix_spawn_file_actions_adddup2(&fa, fds[i], i);
	}

	if (spec->cwd)
		posix_spawn_file_actions_addchdir_np(&fa, spec->cwd);
	posix_spawnattr_init(&at);
	posix_spawnattr_setsigmask(&at, &none);
	posix_spawnattr_setsigdefault(&at, &dfl);
	posix_spawnattr_setpgroup(&at, 0);
	posix_spawnattr_setflags(&at, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
					      (session ? POSIX_SPAWN_SETSID :
							 POSIX_SPAWN_SETPGROUP)));
	rc = posix_spawnp(pid, spec->argv[0], &fa, &at, (char *const *)spec->argv,
			  spec->env ? (char *const *)spec->env : environ);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);

	return rc;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Opens a pipe of which end OURS is non-blocking; false leaves both -1. */
static bool open_pipe(int fds[2], int ours)
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	return fcntl(fds[ours], F_SETFL, O_NONBLOCK) == 0;
}

/* The child's three ends in THEIRS; ours in C. errno, or 0. */
static int open_pipes(Child *c, const struct child_spec *spec, int theirs[3])
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	bool ok = (!c->input || open_pipe(in, 1)) && (spec->output_fd || open_pipe(out, 0)) &&
		  open_pipe(err, 0);
	int cause = errno;

	if (ok)
		cause = 0;

	c->in.fd = in[1];
	c->out.fd = out[0];
	c->err.fd = err[0];
	theirs[0] = spec->input_fd ? spec->input_fd : in[0];
	theirs[1] = spec->output_fd ? spec->output_fd : out[1];
	theirs[2] = err[1];

	return cause;
}

static GSource *fd_source(int fd, GIOCondition what)
{
	return g_unix_fd_source_new(fd, what | G_IO_HUP | G_IO_ERR);
}

static void attach(Child *c, unsigned timeout_ms)
{
	if (c->in.fd >= 0 && write_input(c))	/* most fits into the pipe at once */
		add_source(c, &c->in.source, fd_source(c->in.fd, G_IO_OUT), G_SOURCE_FUNC(on_in));
	if (c->out.fd >= 0)
		add_source(c, &c->out.source, fd_source(c->out.fd, G_IO_IN), G_SOURCE_FUNC(on_out));
	add_source(c, &c->err.source, fd_source(c->err.fd, G_IO_IN), G_SOURCE_FUNC(on_err));
	add_source(c, &c->watch, g_child_watch_source_new(c->pid), G_SOURCE_FUNC(on_exit_status));
	if (timeout_ms)
		add_source(c, &c->timer, g_timeout_source_new(timeout_ms), on_late);
}

void child_write(Child *c, GBytes *bytes)
{
	g_queue_push_tail(&c->more, g_bytes_ref(bytes));
	if (c->in.fd >= 0 && !c->in.source && next_input(c) && write_input(c))
		add_source(c, &c->in.source, fd_source(c->in.fd, G_IO_OUT), G_SOURCE_FUNC(on_in));
}

void child_make_nice(int pid, int nice)
{
	if (nice)
		setpriority(PRIO_PROCESS, (id_t)pid, getpriority(PRIO_PROCESS, 0) + nice);
}

static void limit_child(pid_t pid, const struct child_spec *spec)
{
	const struct rlimit memory = { spec->max_memory, spec->max_memory };
	const struct rlimit cpu = { spec->max_cpu_s, spec->max_cpu_s };

	if (spec->max_memory)
		prlimit(pid, RLIMIT_AS, &memory, NULL);
	if (spec->max_cpu_s)
		prlimit(pid, RLIMIT_CPU, &cpu, NULL);
}

int child_spawn(int *ret_pid, const struct child_spec *spec, const int fds[3])
{
	return spawn(ret_pid, spec, fds, false);
}

static int make_process(pid_t *pid, const struct child_spec *spec, const int fds[3])
{
	if (spec->starter)
		*pid = spec->starter(spec->starter_data, spec, fds);
	if (*pid)
		return 0;

	return spawn(pid, spec, fds, false);
}

Child *child_start(const struct child_spec *spec, child_done *done, void *data, GError **error)
{
	Child *c = g_new0(Child, 1);
	int theirs[3];
	int rc;

	c->context = g_main_context_get_thread_default();
	if (spec->grace_ms)
		c->grace_ms = spec->grace_ms;
	else
		c->grace_ms = GRACE_MS;
	if (spec->max_output)
		c->max_output = spec->max_output;
	else
		c->max_output = DEFAULT_MAX_OUTPUT;
	if (spec->input)
		c->input = g_bytes_ref(spec->input);
	else
		c->input = NULL;
	c->hold_input = spec->hold_input;
	c->progress = spec->progress;
	c->reader = spec->reader;
	g_queue_init(&c->more);
	c->out.text = g_string_new(NULL);
	c->err.text = g_string_new(NULL);
	c->started_us = g_get_monotonic_time();
	c->done = done;
	c->data = data;
	rc = open_pipes(c, spec, theirs);

	if (!rc)
		rc = make_process(&c->pid, spec, theirs);
	for (int i = 0; i < 3; i++)
		close_fd(theirs[i]);
	g_atomic_int_inc(&live);
	if (rc) {
		child_free(c);
		vmm_fail_errno(error, rc, "cannot run %s", spec->argv[0]);
		return NULL;
	}

	child_make_nice(c->pid, spec->nice);	/* posix_spawn() has nothing for it */
	limit_child(c->pid, spec);
	attach(c, spec->timeout_ms);

	return c;
}

bool child_detach(const char *const *argv, const char *const *env, GError **error)
{
	const struct child_spec spec = { .argv = argv, .env = env };
	const int nothing[] = { -1, -1, -1 };
	pid_t pid;
	int rc = spawn(&pid, &spec, nothing, true);

	if (rc)
		return vmm_fail_errno(error, rc, "cannot run %s", argv[0]);

	return true;
}

struct waiter {
	GMainLoop *loop;
	struct child_result *ret;
};

static void on_run_done(void *data, const struct child_result *result)
{
	struct waiter *w = data;

	*w->ret = *result;
	w->ret->out = g_string_new_len(result->out->str, (gssize)result->out->len);
	w->ret->err = g_string_new_len(result->err->str, (gssize)result->err->len);
	g_main_loop_quit(w->loop);
}

bool child_run(const struct child_spec *spec, struct child_result *ret, GError **error)
{
	g_autoptr(GMainContext) context = g_main_context_new();
	g_autoptr(GMainLoop) loop = g_main_loop_new(context, FALSE);
	struct waiter w = { loop, ret };
	Child *c;

	g_main_context_push_thread_default(context);
	c = child_start(spec, on_run_done, &w, error);

	if (c)
		g_main_loop_run(loop);
	g_main_context_pop_thread_default(context);

	return c != NULL;
}

void child_result_clear(struct child_result *result)
{
	if (result->out)
		g_string_free(result->out, TRUE);
	if (result->err)
		g_string_free(result->err, TRUE);
	result->out = result->err = NULL;
}

bool child_result_check(const struct child_result *result, const char *name, GError **error)
{
	g_autofree char *text = g_strchomp(g_strdup(result->err->str));
	const char *nl = strrchr(text, '\n');
	const char *last = nl ? nl + 1 : text;
	const char *sep = "";

	if (*last)
		sep = ": ";

	if (result->timed_out)
		return vmm_fail(error, VMM_ERROR_TIMEOUT, "%s did not end in time%s%s", name,
				sep, last);
	if (result->cancelled)
		return vmm_fail(error, VMM_ERROR_CANCELLED, "%s was cancelled", name);
	if (result->signal)
		return vmm_fail(error, VMM_ERROR_INTERNAL, "%s was killed by signal %d%s%s", name,
				result->signal, sep, last);
	if (result->exit_status)
		return vmm_fail(error, VMM_ERROR_INTERNAL, "%s failed with status %d%s%s", name,
				result->exit_status, sep, last);

	return true;
}
