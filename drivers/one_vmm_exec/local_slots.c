/* SPDX-License-Identifier: Apache-2.0 */
#include "local_slots.h"

#include <glib.h>

struct waiter {
	local_slots_ready *ready;
	void *data;
};

struct local_slots {
	unsigned left;
	GQueue waiting;		/* of struct waiter, oldest first; only when none is left */
};

LocalSlots *local_slots_new(unsigned count)
{
	LocalSlots *p = g_new0(LocalSlots, 1);

	p->left = count;
	g_queue_init(&p->waiting);

	return p;
}

void local_slots_free(LocalSlots *p)
{
	g_queue_clear_full(&p->waiting, g_free);
	g_free(p);
}

bool local_slots_enter(LocalSlots *p, local_slots_ready *ready, void *data)
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

void local_slots_leave(LocalSlots *p)
{
	struct waiter *w = g_queue_pop_head(&p->waiting);

	if (!w) {
		p->left++;
		return;
	}

	w->ready(w->data);
	g_free(w);
}

bool local_slots_forget(LocalSlots *p, const void *data)
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
