/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/remote.h"

#include "base/text.h"
#include "or_else.h"

enum { KILL_LIMIT_MS = 8000 };
enum { STATUS_SSH = 255, MAX_WHY = 300 };

struct remote {
	RemoteHosts *hosts;
	SshMaster *connection;          /* NULL: it has one of its own */
	RelayClient *link;              /* or NULL */
	RelayCall *call;                /* or NULL; it runs on LINK */
	guint wait;			/* source id: its time is over before it is connected */
	bool shares;			/* a session of the connection is ours */
	bool cancelled;
	bool counted;                   /* host_health_end() is due */
	bool queued;			/* it waited for a session of the connection */
	bool again;			/* it was never sent, and is sent over a new connection */
	enum remote_kind kind;
	char *host, *path;
	char **args;
	char **env;			/* or NULL */
	GBytes *input;
	unsigned timeout_ms, grace_ms;
	size_t max_output;
	bool forwarding;
	bool asked_about;
	Child *child;			/* NULL before it starts and after it has ended */
	guint due;			/* source id of a result that is known already */
	struct wire_ssh_process far;	/* PID 0: it has not said that it began */
	struct step_result result;
	GString *out, *err;
	remote_done *done;
	void *data;
};

static unsigned sessions;	/* so far */

static void stop_waiting(Remote *r)
{
	if (r->wait)
		g_source_remove(r->wait);

	r->wait = 0;
}

static void remote_free(Remote *r)
{
	stop_waiting(r);
	g_free(r->host);
	g_free(r->path);
	g_strfreev(r->args);
	g_strfreev(r->env);
	g_clear_pointer(&r->input, g_bytes_unref);
	g_string_free(r->out, TRUE);
	g_string_free(r->err, TRUE);
	g_free(r);
}

/* What the result says about its host: NULL when it answered. */
static const char *host_fault(const Remote *r)
{
	if (r->result.cancelled)
		return NULL;
	if (r->result.status >= 0)
		return NULL;
	if (r->result.answered)
		return NULL;

	if (r->result.timed_out)
		return "a step did not end in time";

	return or_if_empty(r->result.err, "the connection broke");
}

static void remote_finish(Remote *r)
{
	if (r->shares)
		ssh_master_leave(r->connection);

	r->result.cancelled = r->result.cancelled || r->cancelled;
	r->result.out = r->out->str;
	r->result.err = r->err->str;

	if (r->counted) {
		g_autofree char *why = host_fault(r) ? text_line(host_fault(r), MAX_WHY) : NULL;

		host_health_end(remote_hosts_health(r->hosts), r->host, why);
	}

	r->done(r->data, &r->result);
	remote_free(r);
}

static gboolean on_fault_due(gpointer data)
{
	remote_finish(data);
	return G_SOURCE_REMOVE;
}

/* It never started; WHY is reported as ssh's stderr. DONE is called from the loop. */
static void not_started(Remote *r, const char *why)
{
	g_string_append(r->err, why);
	r->result.status = -1;
	r->result.not_started = true;
	r->due = g_idle_add(on_fault_due, r);
}

/* Nobody reported the session's end: it must have ended before anything else of ours runs there. */
static void suspect_far_end(const Remote *r)
{
	remote_hosts_suspect_session(r->hosts, r->host, r->far.number);
}

static void on_killed(void *data, const struct child_result *result)
{
	Remote *r = data;

	if (result->exit_status != 0)
		suspect_far_end(r);

	remote_finish(r);
}

static const char *control_of(const Remote *r)
{
	if (r->connection)
		return ssh_master_control(r->connection);

	return NULL;
}

/* Ends the command on the host, whatever became of our ssh. False: it cannot even be tried. */
static bool kill_far_end(Remote *r)
{
	const char *control = control_of(r);
	struct wire_ssh_session session = { .ssh = remote_hosts_ssh(r->hosts),
					    .host = r->host, .control = control };
	g_auto(GStrv) argv = NULL;
	struct child_spec spec = { .timeout_ms = KILL_LIMIT_MS + r->grace_ms };

	session.mode = control ? WIRE_SSH_SHARED : WIRE_SSH_ALONE;
	argv = wire_ssh_kill(&session, r->far, r->grace_ms);
	spec.argv = (const char *const *)argv;

	return child_start(&spec, on_killed, r, NULL) != NULL;
}

static bool may_have_begun(const Remote *r)
{
	if (r->far.pid)
		return true;

	return !r->result.not_started;
}

static void on_session_end(void *data, const struct child_result *result)
{
	Remote *r = data;
	struct wire_ssh_marks marks;

	r->child = NULL;
	g_string_append_len(r->out, result->out->str, (gssize)result->out->len);
	g_string_append_len(r->err, result->err->str, (gssize)result->err->len);
	marks = wire_ssh_take_marks(remote_hosts_mark(r->hosts), r->err);
	r->far.pid = marks.pid;
	r->result = (struct step_result){
		.status = marks.status,
		.timed_out = result->timed_out,
		.cancelled = result->cancelled,
		/*
		 * On a shared connection the request may have been sent before the connection
		 * broke.
		 */
		.not_started = !marks.pid && !r->shares && result->exit_status == STATUS_SSH,
	};
	if (marks.is_foreign) {
		r->result.status = -1;
		r->result.not_started = r->result.foreign = true;
		r->result.answered = true;
	}

	if (marks.status >= 0 || !may_have_begun(r)) {
		remote_finish(r);
		return;
	}

	if ((result->timed_out || result->cancelled) && kill_far_end(r))
		return;
	if (result->timed_out || result->cancelled || !r->asked_about)
		suspect_far_end(r);

	remote_finish(r);
}

static char **command_argv(const Remote *r, enum wire_ssh_mode mode)
{
	const struct wire_ssh_session session = { remote_hosts_ssh(r->hosts), r->host, mode,
						  control_of(r), r->far.number };

	switch (r->kind) {
	case REMOTE_MKDIR:
		return wire_ssh_mkdir(&session, r->path);
	case REMOTE_WRITE:
		return wire_ssh_write(&session, r->path);
	case REMOTE_SCRIPT:
		break;
	}

	return wire_ssh_run(&session, r->path, (const char *const *)r->args,
			    (const char *const *)r->env);
}

static void on_connection(void *data, const char *why);

/* As a session of the shared connection, while it has any left. */
static void remote_start(Remote *r)
{
	bool shares = r->connection && ssh_master_enter(r->connection);
	enum wire_ssh_mode mode = r->forwarding ? WIRE_SSH_FORWARDING :
				  shares ? WIRE_SSH_SHARED : WIRE_SSH_ALONE;
	g_auto(GStrv) argv = command_argv(r, mode);
	struct child_spec spec = { .argv = (const char *const *)argv, .input = r->input,
				   .timeout_ms = r->timeout_ms, .grace_ms = r->grace_ms,
				   .max_output = r->max_output };
	g_autoptr(GError) error = NULL;

	if (r->connection && !shares && !ssh_master_alone(r->connection)) {
		r->queued = true;
		ssh_master_wait(r->connection, on_connection, r);
		return;
	}

	r->shares = shares;
	r->child = child_start(&spec, on_session_end, r, &error);
	if (!r->child)
		not_started(r, error->message);
}

/* Stops waiting for a connection. False: R did not wait. */
static bool forget(Remote *r)
{
	stop_waiting(r);
	if (remote_hosts_forget_reap(r->hosts, r))
		return true;
	if (r->link && relay_client_forget(r->link, r))
		return true;

	return r->connection && ssh_master_forget(r->connection, r);
}

static gboolean on_waited(gpointer data)
{
	Remote *r = data;

	r->wait = 0;
	if (forget(r))
		not_started(r, "no connection in time");

	return G_SOURCE_REMOVE;
}

/* The time for a step begins here. */
static void begin_waiting(Remote *r)
{
	if (r->timeout_ms && !r->wait)
		r->wait = g_timeout_add(r->timeout_ms, on_waited, r);
}

static void on_connection(void *data, const char *why)
{
	Remote *r = data;

	stop_waiting(r);
	if (r->queued && host_health_of(remote_hosts_health(r->hosts), r->host) == HEALTH_DOWN)
		why = "the host does not answer";
	if (why)
		not_started(data, why);
	else
		remote_start(data);
}

/* As a session of ssh. */
static void start_session(Remote *r)
{
	if (!r->forwarding)
		r->connection = remote_hosts_master(r->hosts, r->host);
	if (r->connection && !ssh_master_control(r->connection)) {
		begin_waiting(r);
		ssh_master_wait(r->connection, on_connection, r);
	} else {
		remote_start(r);
	}
}

static void wait_for_link(Remote *r);

static void on_call_done(void *data, const struct relay_done *done, enum relay_client_loss loss,
			 const char *why)
{
	Remote *r = data;

	r->call = NULL;
	if (!done && loss == RELAY_CLIENT_NOT_SENT && !r->again && !r->cancelled) {
		r->again = true;
		wait_for_link(r);
		return;
	}

	if (!done) {
		g_string_append(r->err, why);
		r->result = (struct step_result){
			.status = -1,
			.not_started = loss == RELAY_CLIENT_NOT_SENT,
			.timed_out = loss == RELAY_CLIENT_TIMED_OUT && !r->cancelled,
		};
		remote_finish(r);
		return;
	}

	remote_hosts_count_step(r->hosts, done->flags & RELAY_BY_WORKER);
	g_string_append_len(r->out, done->out->str, (gssize)done->out->len);
	g_string_append_len(r->err, done->err->str, (gssize)done->err->len);
	r->result = (struct step_result){
		.status = done->flags & (RELAY_TIMED_OUT | RELAY_CANCELLED) ? -1 : done->status,
		.signalled = !(done->flags & ~(guint32)RELAY_BY_WORKER) && done->status < 0,
		.timed_out = done->flags & RELAY_TIMED_OUT,
		.cancelled = done->flags & RELAY_CANCELLED,
		.not_started = done->flags & RELAY_NOT_STARTED,
		.answered = !(done->flags & RELAY_TIMED_OUT),
	};
	remote_finish(r);
}

static char **relay_argv(const Remote *r)
{
	GPtrArray *argv = g_ptr_array_new();

	if (r->kind != REMOTE_SCRIPT) {
		g_ptr_array_add(argv, g_strdup(remote_hosts_relay_path(r->hosts)));
		g_ptr_array_add(argv, g_strdup(r->kind == REMOTE_MKDIR ? "--mkdir" : "--write"));
	}

	g_ptr_array_add(argv, g_strdup(r->path));
	for (char **a = r->args; a && *a; a++)
		g_ptr_array_add(argv, g_strdup(*a));

	g_ptr_array_add(argv, NULL);

	return (char **)g_ptr_array_free(argv, FALSE);
}

/* What goes with the step to the relay. The caller frees. */
static char **relay_env(const Remote *r)
{
	GPtrArray *env = g_ptr_array_new();

	for (char **e = r->env; e && *e; e++)
		g_ptr_array_add(env, g_strdup(*e));
	if (r->kind == REMOTE_SCRIPT && remote_hosts_may_use_worker(r->hosts))
		g_ptr_array_add(env, g_strdup(RELAY_MAY_USE_WORKER));

	g_ptr_array_add(env, NULL);

	return (char **)g_ptr_array_free(env, FALSE);
}

static void run_on_link(Remote *r)
{
	g_auto(GStrv) argv = relay_argv(r);
	g_auto(GStrv) env = relay_env(r);
	char nowhere[] = "";
	const struct relay_run run = {
		.timeout_ms = r->timeout_ms, .max_output = (guint32)MIN(r->max_output, G_MAXINT32),
		.grace_ms = r->grace_ms, .cwd = nowhere, .argv = argv, .env = env,
		.input = r->input,
	};

	r->call = relay_client_run(r->link, &run, on_call_done, r);
}

static void on_link(void *data, enum relay_client_outcome outcome, const char *why)
{
	Remote *r = data;

	stop_waiting(r);
	switch (outcome) {
	case RELAY_CLIENT_UP:
		run_on_link(r);
		break;
	case RELAY_CLIENT_ABSENT:
		start_session(r);
		break;
	case RELAY_CLIENT_FAILED:
		not_started(r, why);
		break;
	}
}

static void wait_for_link(Remote *r)
{
	begin_waiting(r);
	relay_client_wait(r->link, on_link, r);
}

static void remote_begin(Remote *r)
{
	if (!r->forwarding)
		r->link = remote_hosts_relay(r->hosts, r->host);
	if (r->link)
		wait_for_link(r);
	else
		start_session(r);
}

/* What an earlier driver ran there has ended; WHY: the host was not reached. */
static void on_host_free(void *data, const char *why)
{
	Remote *r = data;

	stop_waiting(r);
	if (why)
		not_started(r, why);
	else
		remote_begin(r);
}

void remote_cancel(Remote *r)
{
	if (r->cancelled)
		return;

	r->cancelled = true;
	if (r->child)
		child_cancel(r->child);
	else if (r->call)
		relay_client_cancel(r->call);
	else if (forget(r))
		not_started(r, "cancelled");
}

Remote *remote_run(RemoteHosts *h, const struct remote_spec *spec, remote_done *done, void *data)
{
	g_autofree char *down = NULL;
	Remote *r = g_new0(Remote, 1);

	r->hosts = h;
	r->kind = spec->kind;
	r->host = g_strdup(spec->host);
	r->path = g_strdup(spec->path);
	r->args = g_strdupv((char **)spec->args);
	r->env = g_strdupv((char **)spec->env);
	if (spec->input)
		r->input = g_bytes_ref(spec->input);
	else
		r->input = NULL;
	r->timeout_ms = spec->timeout_ms;
	r->grace_ms = spec->grace_ms;
	r->max_output = spec->max_output;
	r->far.number = ++sessions;
	r->forwarding = spec->forwarding;
	r->asked_about = spec->asked_about;
	r->out = g_string_new(NULL);
	r->err = g_string_new(NULL);
	r->done = done;
	r->data = data;
	down = host_health_begin(remote_hosts_health(h), r->host);
	r->counted = !down;

	if (down) {
		not_started(r, down);
		return r;
	}

	if (remote_hosts_reap(h, r->host, on_host_free, r))
		remote_begin(r);
	else
		begin_waiting(r);

	return r;
}

int remote_pid(const Remote *r)
{
	if (r->child)
		return child_pid(r->child);

	return 0;
}
