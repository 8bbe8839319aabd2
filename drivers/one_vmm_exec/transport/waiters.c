/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/waiters.h"

void waiters_add(GQueue *waiters, void (*ready)(void), void *data)
{
	struct waiter *w = g_new(struct waiter, 1);

	*w = (struct waiter){ ready, data };
	g_queue_push_tail(waiters, w);
}

bool waiters_take(GQueue *waiters, struct waiter *ret)
{
	g_autofree struct waiter *w = g_queue_pop_head(waiters);

	if (!w)
		return false;

	*ret = *w;
	return true;
}

bool waiters_forget(GQueue *waiters, const void *data)
{
	for (GList *l = waiters->head; l; l = l->next) {
		struct waiter *w = l->data;

		if (w->data != data)
			continue;

		g_queue_delete_link(waiters, l);
		g_free(w);
		return true;
	}

	return false;
}
