/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup_retry.h"

enum { MAX_KEPT = 1000, MAX_DOUBLINGS = 6 };

struct cleanup_retry {
	unsigned pause_s, tries;
	cleanup_retry_due *due;
	void *data;
	GQueue kept;		/* of struct item */
};

struct item {
	CleanupRetry *later;
	char *plan;
	gint64 id;
	GBytes *document;
	unsigned tries;		/* left after this one */
	guint timer;
};

static void item_free(void *data)
{
	struct item *i = data;

	if (i->timer)
		g_source_remove(i->timer);

	g_free(i->plan);
	g_bytes_unref(i->document);
	g_free(i);
}

CleanupRetry *cleanup_retry_new(unsigned pause_s, unsigned tries, cleanup_retry_due *due,
				void *data)
{
	CleanupRetry *l = g_new0(CleanupRetry, 1);

	l->pause_s = pause_s;
	l->tries = tries;
	l->due = due;
	l->data = data;
	g_queue_init(&l->kept);

	return l;
}

void cleanup_retry_free(CleanupRetry *l)
{
	if (!l)
		return;

	g_queue_clear_full(&l->kept, item_free);
	g_free(l);
}

static gboolean on_timer(gpointer data)
{
	struct item *i = data;
	CleanupRetry *l = i->later;

	i->timer = 0;
	g_queue_remove(&l->kept, i);
	l->due(l->data, i->plan, i->id, i->document, i->tries);
	item_free(i);

	return G_SOURCE_REMOVE;
}

void cleanup_retry_add(CleanupRetry *l, const char *plan, gint64 id, GBytes *document,
		       unsigned tries)
{
	unsigned left = MIN(tries, l->tries), done = l->tries - left;
	struct item *i;

	if (!left)
		return;
	if (l->kept.length >= MAX_KEPT)
		return;

	i = g_new0(struct item, 1);
	*i = (struct item){ .later = l, .plan = g_strdup(plan), .id = id, .tries = left - 1,
			    .document = g_bytes_ref(document) };
	i->timer = g_timeout_add_seconds(l->pause_s << MIN(done, MAX_DOUBLINGS), on_timer, i);
	g_queue_push_tail(&l->kept, i);
}

void cleanup_retry_drop(CleanupRetry *l, gint64 id)
{
	GList *next;

	for (GList *at = l->kept.head; at; at = next) {
		struct item *i = at->data;

		next = at->next;
		if (i->id != id)
			continue;

		g_queue_delete_link(&l->kept, at);
		item_free(i);
	}
}
