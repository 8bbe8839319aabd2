/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/commit_wait.h"

struct waiter {
	guint64 generation;
	gint64 since_us;
	journal_kept *kept;
	void *data;
};

void commit_wait_add(struct commit_wait *w, guint64 generation, journal_kept *kept, void *data)
{
	struct waiter *one = g_new(struct waiter, 1);

	*one = (struct waiter){ generation, g_get_monotonic_time(), kept, data };
	g_queue_push_tail(&w->queue, one);
}

static void count_wait(struct commit_wait *w, const struct waiter *one)
{
	double seconds = (double)(g_get_monotonic_time() - one->since_us) / G_USEC_PER_SEC;

	w->waits++;
	w->wait_s += seconds;
	w->longest_s = MAX(w->longest_s, seconds);
}

void commit_wait_tell(struct commit_wait *w, guint64 written)
{
	struct waiter *one;

	while ((one = g_queue_peek_head(&w->queue)) && one->generation <= written) {
		g_queue_pop_head(&w->queue);
		count_wait(w, one);
		one->kept(one->data);
		g_free(one);
	}
}

void commit_wait_remove(struct commit_wait *w, const void *data)
{
	GList *next;

	for (GList *l = w->queue.head; l; l = next) {
		struct waiter *one = l->data;

		next = l->next;
		if (one->data != data)
			continue;

		g_queue_delete_link(&w->queue, l);
		g_free(one);
	}
}

void commit_wait_clear(struct commit_wait *w)
{
	g_queue_clear_full(&w->queue, g_free);
}
