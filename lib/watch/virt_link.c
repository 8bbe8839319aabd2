/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/virt_link.h"

#include <libvirt/virterror.h>

#include "virt/connect.h"

/* Opening is waited for without limit: nothing else is done on that thread. */
enum { PAUSE_US = 500000, FOREVER_MS = G_MAXINT };

struct virt_link {
	char *uri;
	struct virt_link_calls calls;
	void *data;
	GMutex mutex;
	GCond cond;
	virConnect *conn;	/* NULL: away */
	bool lost;
};

/* What is to be said in the main loop. */
struct notice {
	VirtLink *link;
	char *reason;
	struct virt_link_event *event;
};

static gboolean deliver(gpointer data)
{
	struct notice *n = data;
	const struct virt_link_calls *calls = &n->link->calls;

	if (n->event && calls->event)
		calls->event(n->event, n->link->data);
	else if (n->reason && calls->down)
		calls->down(n->reason, n->link->data);
	else if (!n->event && !n->reason && calls->up)
		calls->up(n->link->data);

	return G_SOURCE_REMOVE;
}

static void notice_free(gpointer data)
{
	struct notice *n = data;

	if (n->event)
		g_free(n->event->name);
	g_free(n->event);
	g_free(n->reason);
	g_free(n);
}

/* Takes REASON and EVENT. */
static void notify(VirtLink *l, char *reason, struct virt_link_event *event)
{
	struct notice *n = g_new(struct notice, 1);

	*n = (struct notice){ .link = l, .reason = reason, .event = event };
	g_idle_add_full(G_PRIORITY_DEFAULT, deliver, n, notice_free);
}

static int on_event(virConnectPtr conn G_GNUC_UNUSED, virDomainPtr dom, int event, int detail,
		    void *data)
{
	struct virt_link_event *e = g_new(struct virt_link_event, 1);

	*e = (struct virt_link_event){ g_strdup(virDomainGetName(dom)), event, detail };
	notify(data, NULL, e);

	return 0;
}

static void on_close(virConnectPtr conn G_GNUC_UNUSED, int reason G_GNUC_UNUSED, void *data)
{
	VirtLink *l = data;

	g_mutex_lock(&l->mutex);
	l->lost = true;
	g_cond_signal(&l->cond);
	g_mutex_unlock(&l->mutex);
}

/* Drivers within this process are never lost, and say so. The number of the events; -1: none. */
static int listen_to(VirtLink *l, virConnect *conn)
{
	int events = -1;

	virt_await_events();
	if (virConnectRegisterCloseCallback(conn, on_close, l, NULL) < 0)
		virResetLastError();
	if (l->calls.event)
		events = virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
							  VIR_DOMAIN_EVENT_CALLBACK(on_event), l,
							  NULL);
	if (events < 0)
		virResetLastError();

	return events;
}

/* A connection that is given up. */
struct farewell {
	virConnect *conn;
	int events;
};

/*
 * What is registered holds the connection. On one that is lost libvirt forgets it before it sees
 * that it cannot tell the daemon; on one that hangs this takes as long as that does.
 */
static gpointer say_farewell(gpointer data)
{
	struct farewell *f = data;

	virConnectUnregisterCloseCallback(f->conn, on_close);
	if (f->events >= 0)
		virConnectDomainEventDeregisterAny(f->conn, f->events);
	virResetLastError();
	virConnectClose(f->conn);
	g_free(f);

	return NULL;
}

static void give_up(virConnect *conn, int events)
{
	struct farewell *f = g_new(struct farewell, 1);

	*f = (struct farewell){ conn, events };
	g_thread_unref(g_thread_new("libvirt-close", say_farewell, f));
}

static void keep_open(VirtLink *l, virConnect *conn)
{
	int events;

	l->lost = false;
	events = listen_to(l, conn);
	g_mutex_lock(&l->mutex);
	l->conn = conn;
	g_mutex_unlock(&l->mutex);
	notify(l, NULL, NULL);

	g_mutex_lock(&l->mutex);
	while (!l->lost)
		g_cond_wait(&l->cond, &l->mutex);
	l->conn = NULL;
	g_mutex_unlock(&l->mutex);
	notify(l, g_strdup("the connection to libvirt was lost"), NULL);
	give_up(conn, events);
}

static gpointer run_link(gpointer data)
{
	VirtLink *l = data;
	g_autofree char *said = NULL;

	for (;;) {
		g_autoptr(GError) error = NULL;
		virConnect *conn = virt_open_to_keep(l->uri, FOREVER_MS, &error);

		if (conn) {
			keep_open(l, conn);
			g_clear_pointer(&said, g_free);
			continue;
		}

		if (g_strcmp0(said, error->message) != 0) {
			g_free(said);
			said = g_strdup(error->message);
			notify(l, g_strdup(said), NULL);
		}

		g_usleep(PAUSE_US);
	}

	return NULL;
}

VirtLink *virt_link_new(const char *uri, const struct virt_link_calls *calls, void *data)
{
	VirtLink *l = g_new0(VirtLink, 1);

	l->uri = g_strdup(uri);
	l->calls = *calls;
	l->data = data;
	g_mutex_init(&l->mutex);
	g_cond_init(&l->cond);
	g_thread_unref(g_thread_new("libvirt-link", run_link, l));

	return l;
}

virConnect *virt_link_conn(VirtLink *l)
{
	virConnect *conn;

	g_mutex_lock(&l->mutex);
	conn = l->conn;
	if (conn)
		virConnectRef(conn);
	g_mutex_unlock(&l->mutex);

	return conn;
}

void virt_link_renew(VirtLink *l, const virConnect *conn)
{
	g_mutex_lock(&l->mutex);
	if (l->conn == conn) {
		l->lost = true;
		g_cond_signal(&l->cond);
	}

	g_mutex_unlock(&l->mutex);
}
