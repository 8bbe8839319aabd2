/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/ssh_master.h"

#include "or_else.h"
#include "transport/waiters.h"

#include <signal.h>
#include <unistd.h>

/* Between two that get connections of their own. */
enum { ALONE_MS = 250 };
enum { CONNECT_SLACK_S = 15, GRACE_MS = 500, MAX_OUTPUT = 16384 };

/* CLOSING: its end is near, and no session begins on it. */
enum state { DOWN, CONNECTING, UP, CLOSING };

struct ssh_master {
	const struct wire_ssh *ssh;
	char *host, *control;
	unsigned max_sessions, idle_s;
	enum state state;
	Child *master;		/* NULL when DOWN */
	GQueue waiting;		/* of struct waiter */
	unsigned sessions;
	guint timer;		/* source id: time-out, or idle */
	gint64 alone_us;	/* when the next one may have a connection of its own */
	guint pace;		/* source id: that is now, and a step waits */
	char *why;		/* what ssh said when it ended */
};

static void stop_master_timer(SshMaster *c)
{
	if (c->timer)
		g_source_remove(c->timer);

	c->timer = 0;
}

/* Each may come back at once and wait again. */
static void call_master_waiters(SshMaster *c, const char *why)
{
	GQueue waiting = c->waiting;
	struct waiter w;

	g_queue_init(&c->waiting);
	while (waiters_take(&waiting, &w))
		((ssh_master_ready *)w.ready)(w.data, why);
}

static void wake_one(SshMaster *c)
{
	struct waiter w;

	if (c->state == UP && waiters_take(&c->waiting, &w))
		((ssh_master_ready *)w.ready)(w.data, NULL);
}

static gboolean on_pace(gpointer data)
{
	SshMaster *c = data;

	wake_one(c);
	if (c->waiting.length)
		return G_SOURCE_CONTINUE;

	c->pace = 0;

	return G_SOURCE_REMOVE;
}

static void close_master(SshMaster *c)
{
	c->state = CLOSING;
	child_cancel(c->master);
}

static gboolean on_master_idle(gpointer data)
{
	SshMaster *c = data;

	c->timer = 0;
	close_master(c);

	return G_SOURCE_REMOVE;
}

/* sshd limits connections (MaxStartups, MaxSessions): idle ones are closed. */
static void close_when_idle(SshMaster *c)
{
	if (!c->sessions && c->state == UP && c->idle_s && !c->timer)
		c->timer = g_timeout_add_seconds(c->idle_s, on_master_idle, c);
}

/* ConnectTimeout limits the TCP connection alone; a frozen sshd accepts it and says nothing. */
static gboolean on_master_late(gpointer data)
{
	SshMaster *c = data;

	c->timer = 0;
	g_free(c->why);
	c->why = g_strdup("no answer in time");
	child_cancel(c->master);

	return G_SOURCE_REMOVE;
}

/* The remote command prints the mark: only then the login has succeeded. */
static void on_master_says(void *data, Child *child G_GNUC_UNUSED, const GString *out)
{
	SshMaster *c = data;
	g_autofree char *ready = g_strdup_printf("%s:ready", c->ssh->mark);

	if (c->state != CONNECTING)
		return;
	if (!strstr(out->str, ready))
		return;

	stop_master_timer(c);
	c->state = UP;
	call_master_waiters(c, NULL);
	close_when_idle(c);
}

static void open_master(SshMaster *c);

static void on_master_end(void *data, const struct child_result *result)
{
	SshMaster *c = data;
	bool was_up = c->state == UP || c->state == CLOSING;

	stop_master_timer(c);
	c->master = NULL;
	c->state = DOWN;
	unlink(c->control);
	if (!c->why)
		c->why = g_strdup(or_if_empty(result->err->str, "ssh ended"));

	/* That a connection was up and died does not tell whether a new one would work. */
	if (was_up && c->waiting.length)
		open_master(c);
	else
		call_master_waiters(c, c->why);
}

static void open_master(SshMaster *c)
{
	g_auto(GStrv) argv = wire_ssh_master(c->ssh, c->host, c->control);
	g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
	struct child_spec spec = {
		.argv = (const char *const *)argv, .input = nothing, .hold_input = true,
		.progress = on_master_says, .grace_ms = GRACE_MS, .max_output = MAX_OUTPUT,
	};
	g_autoptr(GError) error = NULL;

	g_clear_pointer(&c->why, g_free);
	c->master = child_start(&spec, on_master_end, c, &error);

	if (!c->master) {
		call_master_waiters(c, error->message);
		return;
	}

	c->state = CONNECTING;
	c->timer = g_timeout_add_seconds(c->ssh->connect_timeout_s + CONNECT_SLACK_S,
					 on_master_late, c);
}

SshMaster *ssh_master_new(const struct wire_ssh *ssh, const char *host, const char *control,
			  unsigned sessions, unsigned idle_s)
{
	SshMaster *c = g_new0(SshMaster, 1);

	c->ssh = ssh;
	c->host = g_strdup(host);
	c->control = g_strdup(control);
	c->max_sessions = sessions;
	c->idle_s = idle_s;
	g_queue_init(&c->waiting);

	return c;
}

void ssh_master_free(SshMaster *c)
{
	stop_master_timer(c);
	if (c->pace)
		g_source_remove(c->pace);
	if (c->master) {
		child_abandon(c->master, SIGTERM);
		unlink(c->control);
	}

	g_queue_clear_full(&c->waiting, g_free);
	g_free(c->host);
	g_free(c->control);
	g_free(c->why);
	g_free(c);
}

const char *ssh_master_control(const SshMaster *c)
{
	if (c->state == UP)
		return c->control;

	return NULL;
}

void ssh_master_wait(SshMaster *c, ssh_master_ready *ready, void *data)
{
	waiters_add(&c->waiting, (void (*)(void))ready, data);
	if (c->state == DOWN)
		open_master(c);
	else if (c->state == UP && !c->pace)
		c->pace = g_timeout_add(ALONE_MS, on_pace, c);
}

void ssh_master_close_idle(SshMaster *c)
{
	if (c->state != UP)
		return;
	if (c->waiting.length)
		return;
	if (c->sessions)
		return;

	stop_master_timer(c);
	close_master(c);
}

bool ssh_master_forget(SshMaster *c, const void *data)
{
	return waiters_forget(&c->waiting, data);
}

/* More than MaxSessions would be refused by sshd, and each refusal is a failed step. */
bool ssh_master_enter(SshMaster *c)
{
	if (c->state != UP)
		return false;
	if (c->sessions >= c->max_sessions)
		return false;

	stop_master_timer(c);
	c->sessions++;

	return true;
}

/* Connections beside the shared one are opened slowly, for sshd's MaxStartups. */
bool ssh_master_alone(SshMaster *c)
{
	gint64 now = g_get_monotonic_time();

	if (now < c->alone_us)
		return false;

	c->alone_us = now + ALONE_MS * (gint64)1000;

	return true;
}

void ssh_master_leave(SshMaster *c)
{
	c->sessions--;
	wake_one(c);
	close_when_idle(c);
}
