/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/relay_server.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/child.h"
#include "wire/relay_frame.h"

/* As the driver expects it of a script that is not there. */
enum { STATUS_MISSING = 42, GRACE_MS = 500, ROOM_KEPT = 1 << 20, READ_SIZE = 1 << 17 };

struct server {
	GMainLoop *loop;
	int out;
	WorkerClient *worker;
	GByteArray *in;
	GQueue pending;		/* of GBytes, to be written */
	size_t written;		/* of the first of them */
	guint input, output;	/* source ids; 0: closed, or nothing to be written */
	GHashTable *steps;	/* id to struct step */
	bool stopping;
	GError *error;
};

struct step {
	struct server *server;
	guint32 id;
	Child *child;
	bool by_worker;
};

static void server_stop(struct server *s)
{
	GHashTableIter iter;
	struct step *step;

	s->stopping = true;
	g_hash_table_iter_init(&iter, s->steps);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&step))
		child_cancel(step->child);
	if (!g_hash_table_size(s->steps))
		g_main_loop_quit(s->loop);
}

/* False when nothing is left. */
static bool write_pending(struct server *s)
{
	GBytes *first = g_queue_peek_head(&s->pending);
	gsize size;
	const char *data = NULL;
	ssize_t n;

	if (first)
		data = g_bytes_get_data(first, &size);

	if (!first)
		return false;

	n = write(s->out, data + s->written, size - s->written);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		server_stop(s);
		return false;
	}

	if (n > 0)
		s->written += (size_t)n;
	if (s->written == size) {
		g_bytes_unref(g_queue_pop_head(&s->pending));
		s->written = 0;
	}

	return true;
}

static gboolean on_writable(gint fd G_GNUC_UNUSED, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	struct server *s = data;

	if (write_pending(s))
		return G_SOURCE_CONTINUE;

	s->output = 0;

	return G_SOURCE_REMOVE;
}

/* Takes FRAME. */
static void send_frame(struct server *s, GBytes *frame)
{
	g_queue_push_tail(&s->pending, frame);
	if (!s->output)
		s->output = g_unix_fd_add(s->out, G_IO_OUT | G_IO_ERR | G_IO_HUP, on_writable, s);
}

static void on_child(void *data, const struct child_result *r)
{
	struct step *step = data;
	struct server *s = step->server;
	const struct relay_done done = {
		.flags = (r->timed_out ? RELAY_TIMED_OUT : 0U) |
			 (r->cancelled ? RELAY_CANCELLED : 0U) |
			 (step->by_worker ? RELAY_BY_WORKER : 0U),
		.status = r->exit_status, .wall_us = (guint64)r->wall_us,
		.out = r->out, .err = r->err,
	};

	if (!s->stopping)
		send_frame(s, relay_done_frame(step->id, &done));
	g_hash_table_remove(s->steps, GUINT_TO_POINTER(step->id));
	if (s->stopping && !g_hash_table_size(s->steps))
		g_main_loop_quit(s->loop);
}

static void not_started(struct server *s, guint32 id, int status, const char *why)
{
	struct relay_done done = { .flags = RELAY_NOT_STARTED, .status = status,
				  .out = g_string_new(NULL), .err = g_string_new(why) };

	send_frame(s, relay_done_frame(id, &done));
	relay_done_clear(&done);
}

/* Ours, with what the step's says. The caller frees. */
static char **step_environment(const struct relay_run *run)
{
	char **env = g_get_environ();

	for (char **e = run->env; *e; e++) {
		if (g_str_equal(*e, RELAY_MAY_USE_WORKER))
			continue;

		g_auto(GStrv) pair = g_strsplit(*e, "=", 2);

		env = g_environ_setenv(env, pair[0], pair[1], TRUE);
	}

	return env;
}

static int by_worker(void *data, const struct child_spec *spec, const int fds[3])
{
	struct step *step = data;
	int pid = worker_client_start(step->server->worker, spec, fds);

	step->by_worker = pid != 0;

	return pid;
}

static void on_memory(void *data, guint64 own_bytes)
{
	send_frame(data, relay_worker_frame(own_bytes));
}

static bool may_use_worker(const struct server *s, const struct relay_run *run)
{
	return s->worker && g_strv_contains((const char *const *)run->env, RELAY_MAY_USE_WORKER);
}

static void start(struct server *s, guint32 id, const struct relay_run *run)
{
	g_auto(GStrv) env = *run->env ? step_environment(run) : NULL;
	struct child_spec spec = {
		.env = (const char *const *)env,
		.argv = (const char *const *)run->argv, .cwd = *run->cwd ? run->cwd : NULL,
		.input = run->input, .timeout_ms = run->timeout_ms,
		.grace_ms = run->grace_ms ? run->grace_ms : GRACE_MS,
		.max_output = run->max_output,
	};
	g_autoptr(GError) error = NULL;
	struct step *step;

	if (!g_file_test(run->argv[0], G_FILE_TEST_IS_REGULAR) ||
	    !g_file_test(run->argv[0], G_FILE_TEST_IS_EXECUTABLE)) {
		not_started(s, id, STATUS_MISSING, "");
		return;
	}

	step = g_new0(struct step, 1);
	*step = (struct step){ .server = s, .id = id };
	if (may_use_worker(s, run)) {
		spec.starter = by_worker;
		spec.starter_data = step;
	}

	g_hash_table_replace(s->steps, GUINT_TO_POINTER(id), step);
	step->child = child_start(&spec, on_child, step, &error);

	if (step->child)
		return;

	g_hash_table_remove(s->steps, GUINT_TO_POINTER(id));
	not_started(s, id, -1, error->message);
}

static bool take_frame(struct server *s, const struct relay_frame *frame)
{
	struct step *step = g_hash_table_lookup(s->steps, GUINT_TO_POINTER(frame->id));
	struct relay_run run;

	switch (frame->type) {
	case RELAY_CANCEL:
		if (step)
			child_cancel(step->child);
		return true;
	case RELAY_RUN:
		if (step)
			return vmm_fail(&s->error, VMM_ERROR_INPUT, "step %u runs already",
					frame->id);
		if (!relay_run_parse(frame->data, frame->size, &run, &s->error))
			return false;

		start(s, frame->id, &run);
		relay_run_clear(&run);
		return true;
	case RELAY_DONE:
	case RELAY_WORKER:
		break;
	}

	return vmm_fail(&s->error, VMM_ERROR_INPUT, "a frame of the wrong type");
}

/* False when a frame is malformed. */
static bool take_frames(struct server *s)
{
	struct relay_frame frame;
	size_t at = 0, used;
	enum relay_taken taken;

	while ((taken = relay_frame_take(s->in->data + at, s->in->len - at, &frame, &used)) ==
	       RELAY_TAKEN) {
		if (!take_frame(s, &frame))
			return false;

		at += used;
	}

	if (at > ROOM_KEPT && at == s->in->len) {	/* a large one's room is given back */
		g_byte_array_unref(s->in);
		s->in = g_byte_array_new();
	} else if (at) {
		g_byte_array_remove_range(s->in, 0, (guint)at);
	}

	if (taken != RELAY_BAD)
		return true;

	return vmm_fail(&s->error, VMM_ERROR_INPUT, "malformed frame");
}

static gboolean on_input(gint fd, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	struct server *s = data;
	guint8 buf[READ_SIZE];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n > 0) {
		g_byte_array_append(s->in, buf, (guint)n);
		if (take_frames(s))
			return G_SOURCE_CONTINUE;
	}

	s->input = 0;
	server_stop(s);

	return G_SOURCE_REMOVE;
}

static gboolean on_signal(gint fd G_GNUC_UNUSED, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	server_stop(data);
	return G_SOURCE_REMOVE;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);

	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool relay_serve(int in, int out, WorkerClient *worker, GError **error)
{
	struct server s = { .out = out, .worker = worker, .loop = g_main_loop_new(NULL, FALSE) };
	g_autofree char *hello = relay_hello(VMM_VERSION);
	int signals = open_signals();

	fcntl(out, F_SETFL, O_NONBLOCK);
	g_queue_init(&s.pending);
	s.in = g_byte_array_new();
	s.steps = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	s.input = g_unix_fd_add(in, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, &s);
	g_unix_fd_add(signals, G_IO_IN, on_signal, &s);
	if (worker)
		worker_client_watch(worker, on_memory, &s);
	send_frame(&s, g_bytes_new(hello, strlen(hello)));
	g_main_loop_run(s.loop);
	if (worker)
		worker_client_watch(worker, NULL, NULL);
	g_queue_clear_full(&s.pending, (GDestroyNotify)g_bytes_unref);
	g_byte_array_unref(s.in);
	g_hash_table_unref(s.steps);
	g_main_loop_unref(s.loop);
	close(signals);

	if (!s.error)
		return true;

	g_propagate_error(error, s.error);

	return false;
}
