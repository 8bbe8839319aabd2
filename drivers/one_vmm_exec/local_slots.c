#include "local_slots.h"

#include <glib.h>

struct waiter {
	places_ready *ready;
	void *data;
};

struct places {
	unsigned left;
	GQueue waiting;		/* of struct waiter, oldest first; only when none is left */
};

Places *places_new(unsigned count)
{
	Places *p = g_new0(Places, 1);

	p->left = count;
	g_queue_init(&p->waiting);
	return p;
}

void places_free(Places *p)
{
	g_queue_clear_full(&p->waiting, g_free);
	g_free(p);
}

bool places_enter(Places *p, places_ready *ready, void *data)
{
	struct waiter *w;

	if (p->left) {
		p->left--;
		return true;
	}
	w = g_new(struct waiter, 1);
	*w = (struct waiter){ ready, data };
	g_queue_push_tail(&p->waiting, w);
	return false;
}

void places_leave(Places *p)
{
	struct waiter *w = g_queue_pop_head(&p->waiting);

	if (!w) {
		p->left++;
		return;
	}
	w->ready(w->data);
	g_free(w);
}

bool places_forget(Places *p, const void *data)
{
	for (GList *l = p->waiting.head; l; l = l->next) {
		struct waiter *w = l->data;

		if (w->data != data)
			continue;
		g_queue_delete_link(&p->waiting, l);
		g_free(w);
		return true;
	}
	return false;
}
