/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/connect.h"

#include "base/deadline.h"
#include "virt/virt_error.h"
#include "virt/timed_call.h"

enum { PAUSE_MS = 250, SHORT_MS = 100, GOODBYE_MS = 1000 };

/* A connection is lost after that many seconds without an answer. */
enum { LOST_S = 20 };

/*
 * How often the daemon is asked for a sign of life. Of two threads with calls on one connection the
 * first does the reading and writing for both; up to libvirt 9 the word that wakes it can be lost,
 * and the second call is sent when the first thread wakes by itself: for the next sign of life.
 */
enum { SIGN_S = 1, KEPT_SIGN_S = 5 };

static struct {
	GMutex mutex;
	GCond cond;
	GThread *thread;	/* that runs them */
	bool awaited;
} events;

struct opening {
	char *uri;
	int sign_s;
	virConnect *conn;
};

static void quiet(void *data G_GNUC_UNUSED, virErrorPtr error G_GNUC_UNUSED)
{
}

/* Each call and its answer would wake this thread too: most actions have ended before that. */
static gpointer run_events(gpointer data G_GNUC_UNUSED)
{
	gint64 until_us = deadline_in_ms(SHORT_MS);

	g_mutex_lock(&events.mutex);
	while (!events.awaited && g_cond_wait_until(&events.cond, &events.mutex, until_us))
		;
	g_mutex_unlock(&events.mutex);
	while (virEventRunDefaultImpl() == 0)
		;

	return NULL;
}

static gpointer start_events(gpointer data G_GNUC_UNUSED)
{
	virSetErrorFunc(NULL, quiet);	/* else libvirt prints on stderr too */
	if (virInitialize() < 0)
		return NULL;
	if (virEventRegisterDefaultImpl() < 0)
		return NULL;
	/* It is never joined. Kept, as a program may end while the thread is only beginning. */
	events.thread = g_thread_new("libvirt-events", run_events, NULL);

	return NULL;
}

void virt_await_events(void)
{
	g_mutex_lock(&events.mutex);
	events.awaited = true;
	g_cond_signal(&events.cond);
	g_mutex_unlock(&events.mutex);
}

static void opening_free(void *data)
{
	struct opening *o = data;

	if (o->conn)
		virConnectClose(o->conn);
	g_free(o->uri);
	g_free(o);
}

static bool open_it(void *data, GError **error)
{
	struct opening *o = data;

	o->conn = virConnectOpen(o->uri);
	if (!o->conn)
		return virt_fail(error, "cannot connect to %s", o->uri);
	/* A driver within this process has no keepalive and says so. */
	if (virConnectSetKeepAlive(o->conn, o->sign_s, (unsigned)(LOST_S / o->sign_s - 1)) < 0)
		virResetLastError();

	return true;
}

static virConnect *open_within(const char *uri, int sign_s, unsigned limit_ms, GError **error)
{
	static GOnce once = G_ONCE_INIT;
	struct opening *o = g_new0(struct opening, 1);
	virConnect *conn;

	g_once(&once, start_events, NULL);
	o->uri = g_strdup(uri);
	o->sign_s = sign_s;
	switch (virt_call(open_it, o, opening_free, limit_ms, error)) {
	case VIRT_CALL_OK:
		conn = g_steal_pointer(&o->conn);
		opening_free(o);
		return conn;
	case VIRT_CALL_FAILED:
		opening_free(o);
		return NULL;
	default:
		vmm_fail(error, VMM_ERROR_CONNECTION, "cannot connect to %s: no answer in %u s",
			 uri, (limit_ms + 999) / 1000);
		vmm_error_set_hint(error, "libvirtd on the host hangs; restart it");
		return NULL;
	}
}

virConnect *virt_open(const char *uri, unsigned limit_ms, GError **error)
{
	return open_within(uri, SIGN_S, limit_ms, error);
}

virConnect *virt_open_to_keep(const char *uri, unsigned limit_ms, GError **error)
{
	return open_within(uri, KEPT_SIGN_S, limit_ms, error);
}

virConnect *virt_open_again(const char *uri, unsigned limit_ms, GError **error)
{
	gint64 until_us = deadline_in_ms(limit_ms);

	for (;;) {
		g_autoptr(GError) cause = NULL;
		unsigned left_ms = deadline_left_ms(until_us);
		virConnect *conn = virt_open(uri, MAX(left_ms, PAUSE_MS), &cause);

		if (conn)
			return conn;
		if (!vmm_is(cause, VMM_ERROR_CONNECTION) || left_ms <= PAUSE_MS) {
			vmm_pass(error, &cause);
			return NULL;
		}

		g_usleep(PAUSE_MS * 1000);
	}
}

static void nothing(void *data G_GNUC_UNUSED)
{
}

static bool close_it(void *conn, GError **error G_GNUC_UNUSED)
{
	virConnectClose(conn);
	return true;
}

void virt_close(virConnect *conn)
{
	if (!virt_call_any_abandoned())
		virt_call(close_it, conn, nothing, GOODBYE_MS, NULL);
}

void virt_let_go(virConnect *conn)
{
	virt_call(close_it, conn, nothing, GOODBYE_MS, NULL);
}

struct listening {
	virConnect *conn;
	int id;
};

/* On a dead connection this fails, and libvirt keeps the callback's data until the process ends. */
static bool deregister(void *data, GError **error G_GNUC_UNUSED)
{
	struct listening *l = data;

	if (virConnectDomainEventDeregisterAny(l->conn, l->id) < 0)
		virResetLastError();

	return true;
}

void virt_stop_listening(virConnect *conn, int id)
{
	struct listening *l;

	if (virt_call_any_abandoned())
		return;

	l = g_new(struct listening, 1);
	l->conn = conn;
	l->id = id;
	if (virt_call(deregister, l, g_free, GOODBYE_MS, NULL) != VIRT_CALL_TIMED_OUT)
		g_free(l);
}
