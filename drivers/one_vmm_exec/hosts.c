#include "hosts.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

#include "wire/ssh.h"

enum { KILL_LIMIT_MS = 8000, CONNECT_SLACK_S = 15 };

struct hosts {
	struct wire_ssh ssh;
	char *mark;
	char *control_dir;
	bool multiplex;
	unsigned sessions;		/* at once on one connection */
	unsigned idle_s;
	unsigned next_control;
	GHashTable *connections;	/* host to struct connection */
};

enum state { DOWN, CONNECTING, UP };

struct connection {
	Hosts *hosts;
	char *host;
	char *control;
	enum state state;
	Child *master;			/* NULL when DOWN */
	GQueue waiting;			/* of Remote, for it to be UP */
	unsigned sessions;
	guint timer;			/* source id: connecting, or idle */
	char *why;			/* what ssh said when it ended */
};

struct remote {
	Hosts *hosts;
	struct connection *connection;	/* NULL: one of its own */
	bool counted;			/* as one of the connection's sessions */
	bool cancelled;
	enum remote_kind kind;
	char *host, *path;
	char **args;
	GBytes *input;
	unsigned timeout_ms;
	size_t max_output;
	bool forwarding;
	Child *child;
	guint idle;			/* source id of a result that is due */
	struct wire_ssh_marks marks;
	struct remote_result result;
	GString *out, *err;
	remote_done *done;
	void *data;
};

static void connection_open(struct connection *c);

/* --- one remote command --- */

static void remote_free(Remote *r)
{
	g_free(r->host);
	g_free(r->path);
	g_strfreev(r->args);
	g_clear_pointer(&r->input, g_bytes_unref);
	g_string_free(r->out, TRUE);
	g_string_free(r->err, TRUE);
	g_free(r);
}

static gboolean on_idle_connection(gpointer data)
{
	struct connection *c = data;

	c->timer = 0;
	if (c->master)
		child_cancel(c->master);
	return G_SOURCE_REMOVE;
}

static void leave_connection(struct connection *c, bool counted)
{
	if (counted)
		c->sessions--;
	if (!c->sessions && c->state == UP && c->hosts->idle_s && !c->timer)
		c->timer = g_timeout_add_seconds(c->hosts->idle_s, on_idle_connection, c);
}

static void remote_finish(Remote *r)
{
	if (r->connection)
		leave_connection(r->connection, r->counted);
	r->result.cancelled = r->result.cancelled || r->cancelled;
	r->result.out = r->out->str;
	r->result.err = r->err->str;
	r->done(r->data, &r->result);
	remote_free(r);
}

static void on_killed(void *data, const struct child_result *result G_GNUC_UNUSED)
{
	remote_finish(data);
}

static const char *control_of(const Remote *r)
{
	return r->connection && r->connection->state == UP ? r->connection->control : NULL;
}

/* Whatever became of our ssh: the far end must not go on alone. False: cannot even try. */
static bool kill_far_end(Remote *r)
{
	const char *control = control_of(r);
	g_auto(GStrv) argv = wire_ssh_kill(&r->hosts->ssh, r->host,
					   control ? WIRE_SSH_SHARED : WIRE_SSH_ALONE, control,
					   r->marks.pid);
	struct child_spec spec = { .argv = (const char *const *)argv, .timeout_ms = KILL_LIMIT_MS };

	return child_start(&spec, on_killed, r, NULL) != NULL;
}

static void on_session_end(void *data, const struct child_result *result)
{
	Remote *r = data;

	r->child = NULL;
	g_string_append_len(r->out, result->out->str, (gssize)result->out->len);
	g_string_append_len(r->err, result->err->str, (gssize)result->err->len);
	r->marks = wire_ssh_take_marks(r->hosts->ssh.mark, r->err);
	r->result = (struct remote_result){
		.status = r->marks.status,
		.timed_out = result->timed_out,
		.cancelled = result->cancelled,
		.wall_us = result->wall_us,
		/* On a shared connection the request may have gone out before it broke. */
		.not_started = !r->marks.pid && !r->counted && result->exit_status == 255,
	};
	if ((result->timed_out || result->cancelled) && r->marks.pid && r->marks.status < 0 &&
	    kill_far_end(r))
		return;
	remote_finish(r);
}

static char **session_argv(const Remote *r, enum wire_ssh_mode mode, const char *control)
{
	const struct wire_ssh *ssh = &r->hosts->ssh;

	switch (r->kind) {
	case REMOTE_MKDIR:
		return wire_ssh_mkdir(ssh, r->host, mode, control, r->path);
	case REMOTE_WRITE:
		return wire_ssh_write(ssh, r->host, mode, control, r->path);
	case REMOTE_SCRIPT:
		break;
	}
	return wire_ssh_run(ssh, r->host, mode, control, r->path, (const char *const *)r->args);
}

static gboolean on_result_due(gpointer data)
{
	((Remote *)data)->idle = 0;
	remote_finish(data);
	return G_SOURCE_REMOVE;
}

/* It never started; WHY goes where ssh's own words would. DONE is called from the loop. */
static void remote_not_started(Remote *r, const char *why)
{
	g_string_append(r->err, why);
	r->result.status = -1;
	r->result.not_started = true;
	r->idle = g_idle_add(on_result_due, r);
}

static void remote_start(Remote *r)
{
	const char *control = control_of(r);
	bool shared = control && r->connection->sessions < r->hosts->sessions;
	enum wire_ssh_mode mode = r->forwarding ? WIRE_SSH_FORWARDING :
				  shared ? WIRE_SSH_SHARED : WIRE_SSH_ALONE;
	g_auto(GStrv) argv = session_argv(r, mode, control);
	struct child_spec spec = { .argv = (const char *const *)argv, .input = r->input,
				   .timeout_ms = r->timeout_ms, .max_output = r->max_output };
	g_autoptr(GError) error = NULL;

	r->child = child_start(&spec, on_session_end, r, &error);
	if (!r->child) {
		remote_not_started(r, error->message);
	} else if (mode == WIRE_SSH_SHARED) {
		r->counted = true;
		r->connection->sessions++;
	}
}

void remote_cancel(Remote *r)
{
	if (r->cancelled)
		return;
	r->cancelled = true;
	if (r->child)
		child_cancel(r->child);
	else if (r->connection && g_queue_remove(&r->connection->waiting, r))
		remote_not_started(r, "cancelled");
}

/* --- the connection that they share --- */

static void connection_stop_timer(struct connection *c)
{
	if (c->timer)
		g_source_remove(c->timer);
	c->timer = 0;
}

static gboolean on_late_connection(gpointer data)
{
	struct connection *c = data;

	c->timer = 0;
	g_free(c->why);
	c->why = g_strdup("no answer in time");
	child_cancel(c->master);
	return G_SOURCE_REMOVE;
}

static void serve_waiting(struct connection *c)
{
	Remote *r;

	while ((r = g_queue_pop_head(&c->waiting)))
		remote_start(r);
}

static void fail_waiting(struct connection *c)
{
	Remote *r;

	while ((r = g_queue_pop_head(&c->waiting)))
		remote_not_started(r, c->why);
}

static void on_master_says(void *data, Child *child G_GNUC_UNUSED, const GString *out)
{
	struct connection *c = data;
	g_autofree char *ready = g_strdup_printf("%s:ready", c->hosts->mark);

	if (c->state != CONNECTING || !strstr(out->str, ready))
		return;
	connection_stop_timer(c);
	c->state = UP;
	serve_waiting(c);
}

static void on_master_end(void *data, const struct child_result *result)
{
	struct connection *c = data;
	bool was_up = c->state == UP;

	connection_stop_timer(c);
	c->master = NULL;
	c->state = DOWN;
	unlink(c->control);
	if (!c->why)
		c->why = g_strdup(*result->err->str ? result->err->str : "ssh ended");
	/* One that was up and has died says nothing about whether a new one would work. */
	if (was_up && c->waiting.length)
		connection_open(c);
	else
		fail_waiting(c);
}

static void connection_open(struct connection *c)
{
	g_auto(GStrv) argv = wire_ssh_master(&c->hosts->ssh, c->host, c->control);
	g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
	struct child_spec spec = {
		.argv = (const char *const *)argv, .input = nothing, .hold_input = true,
		.progress = on_master_says, .grace_ms = 500, .max_output = 16384,
	};
	g_autoptr(GError) error = NULL;

	g_clear_pointer(&c->why, g_free);
	c->master = child_start(&spec, on_master_end, c, &error);
	if (!c->master) {
		c->why = g_strdup(error->message);
		fail_waiting(c);
		return;
	}
	c->state = CONNECTING;
	c->timer = g_timeout_add_seconds(c->hosts->ssh.connect_timeout_s + CONNECT_SLACK_S,
					 on_late_connection, c);
}

static void connection_free(void *data)
{
	struct connection *c = data;

	connection_stop_timer(c);
	if (c->master) {
		child_abandon(c->master, SIGTERM);
		unlink(c->control);
	}
	g_free(c->host);
	g_free(c->control);
	g_free(c->why);
	g_free(c);
}

static struct connection *connection_get(Hosts *h, const char *host)
{
	struct connection *c = g_hash_table_lookup(h->connections, host);

	if (c)
		return c;
	c = g_new0(struct connection, 1);
	c->hosts = h;
	c->host = g_strdup(host);
	c->control = g_strdup_printf("%s/%u", h->control_dir, h->next_control++);
	g_queue_init(&c->waiting);
	g_hash_table_insert(h->connections, c->host, c);
	return c;
}

Remote *hosts_run(Hosts *h, const struct remote_spec *spec, remote_done *done, void *data)
{
	Remote *r = g_new0(Remote, 1);
	struct connection *c;

	r->hosts = h;
	r->kind = spec->kind;
	r->host = g_strdup(spec->host);
	r->path = g_strdup(spec->path);
	r->args = g_strdupv((char **)spec->args);
	r->input = spec->input ? g_bytes_ref(spec->input) : NULL;
	r->timeout_ms = spec->timeout_ms;
	r->max_output = spec->max_output;
	r->forwarding = spec->forwarding;
	r->out = g_string_new(NULL);
	r->err = g_string_new(NULL);
	r->done = done;
	r->data = data;
	if (!h->multiplex || spec->forwarding) {
		remote_start(r);
		return r;
	}
	c = r->connection = connection_get(h, spec->host);
	if (c->state == UP) {
		connection_stop_timer(c);
		remote_start(r);
		return r;
	}
	g_queue_push_tail(&c->waiting, r);
	if (c->state == DOWN)
		connection_open(c);
	return r;
}

/* --- all of them --- */

Hosts *hosts_new(const ConfCfg *cfg, const char *shell, GError **error)
{
	const char *dir = conf_cfg_string(cfg, "ssh.control_dir");
	g_autofree char *template = g_build_filename(*dir ? dir : g_get_tmp_dir(),
						     "vmmexec.XXXXXX", NULL);
	Hosts *h;

	if (!g_mkdtemp_full(template, 0700)) {
		vmm_fail_errno(error, errno, "cannot make a directory for ssh's sockets (%s)",
			       template);
		vmm_error_set_hint(error, "set ssh.control_dir in vmm_exec.cfg");
		return NULL;
	}
	h = g_new0(Hosts, 1);
	h->control_dir = g_steal_pointer(&template);
	h->mark = g_strdup_printf("vmmexec-%08x%08x", g_random_int(), g_random_int());
	h->multiplex = conf_cfg_bool(cfg, "ssh.multiplex");
	h->sessions = (unsigned)conf_cfg_int(cfg, "ssh.sessions");
	h->idle_s = (unsigned)conf_cfg_int(cfg, "ssh.idle_s");
	h->ssh = (struct wire_ssh){
		.command = conf_cfg_string(cfg, "ssh.command"),
		.shell = shell,
		.mark = h->mark,
		.connect_timeout_s = (unsigned)conf_cfg_int(cfg, "ssh.connect_timeout_s"),
		.alive_interval_s = (unsigned)conf_cfg_int(cfg, "ssh.alive_interval_s"),
	};
	h->connections = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, connection_free);
	return h;
}

void hosts_free(Hosts *h)
{
	if (!h)
		return;
	g_hash_table_unref(h->connections);
	g_rmdir(h->control_dir);
	g_free(h->control_dir);
	g_free(h->mark);
	g_free(h);
}
