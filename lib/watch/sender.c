/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/sender.h"

enum { TCP_MS = 3000 };

struct sender {
	const MonitordStart *start;
	MonitordOutlet *outlet;
	sender_done *done;
	void *data;
	GAsyncQueue *queue;	/* struct parcel */
};

struct parcel {
	Sender *sender;
	struct monitord_head head;
	char *text;
	GError *error;
};

static void parcel_free(gpointer data)
{
	struct parcel *p = data;

	g_clear_error(&p->error);
	g_free(p->text);
	g_free(p);
}

static gboolean report(gpointer data)
{
	const struct parcel *p = data;

	p->sender->done(&p->head, p->error, p->sender->data);

	return G_SOURCE_REMOVE;
}

static void deliver_parcel(const Sender *s, struct parcel *p)
{
	g_autoptr(GPtrArray) messages = monitord_pack(&p->head, s->start->key, p->text, &p->error);

	for (guint i = 0; messages && i < messages->len; i++)
		if (!monitord_send(s->outlet, messages->pdata[i], TCP_MS, &p->error))
			return;
}

static gpointer run_sender(gpointer data)
{
	Sender *s = data;

	for (;;) {
		struct parcel *p = g_async_queue_pop(s->queue);

		deliver_parcel(s, p);
		g_idle_add_full(G_PRIORITY_DEFAULT, report, p, parcel_free);
	}

	return NULL;
}

Sender *sender_new(const MonitordStart *start, sender_done *done, void *data, GError **error)
{
	MonitordOutlet *outlet = monitord_outlet_new(start, error);
	Sender *s;

	if (!outlet)
		return NULL;

	s = g_new(Sender, 1);
	*s = (Sender){ .start = start, .outlet = outlet, .done = done, .data = data,
		       .queue = g_async_queue_new() };
	g_thread_unref(g_thread_new("sender", run_sender, s));

	return s;
}

void sender_send(Sender *s, enum monitord_set_id set, bool ok, const char *text)
{
	struct parcel *p = g_new0(struct parcel, 1);

	p->sender = s;
	p->head = (struct monitord_head){
		.set = set, .ok = ok, .host_id = s->start->host_id,
		.time_s = g_get_real_time() / G_USEC_PER_SEC,
	};
	p->text = g_strdup(text);
	g_async_queue_push(s->queue, p);
}
