/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup_retry.h"

enum { MAX_KEPT = 1000, MAX_DOUBLINGS = 6 };

struct cleanup_retry {
	unsigned pause_s, tries;
	Journal *journal;
	OnedOutput *out;
	cleanup_retry_due *due;
	void *data;
	GQueue kept;		/* of struct item */
};

struct item {
	CleanupRetry *later;
	struct cleanup what;	/* TRIES: left after this one */
	char *plan;		/* of WHAT */
	guint timer;
};

static void item_free(void *data)
{
	struct item *i = data;

	if (i->timer)
		g_source_remove(i->timer);

	g_free(i->plan);
	g_bytes_unref(i->what.document);
	g_free(i);
}

CleanupRetry *cleanup_retry_new(unsigned pause_s, unsigned tries, Journal *journal,
				OnedOutput *out, cleanup_retry_due *due, void *data)
{
	CleanupRetry *l = g_new0(CleanupRetry, 1);

	l->pause_s = pause_s;
	l->tries = tries;
	l->journal = journal;
	l->out = out;
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
	l->due(l->data, &i->what);
	item_free(i);

	return G_SOURCE_REMOVE;
}

static guint64 accept_cleanup(CleanupRetry *l, const struct cleanup *c)
{
	gsize size;
	const guchar *bytes = g_bytes_get_data(c->document, &size);
	g_autofree char *payload = NULL;

	if (!l->journal)
		return 0;

	payload = g_base64_encode(bytes, size);

	return journal_accept(l->journal, c->plan, c->id, NULL, payload, c->document, false);
}

void cleanup_retry_add(CleanupRetry *l, const struct cleanup *c)
{
	unsigned left = MIN(c->tries, l->tries), done = l->tries - left;
	bool is_full = left && l->kept.length >= MAX_KEPT;
	struct item *i;

	if (is_full)
		oned_log(l->out, 'E', c->id, "%s: not tried again, as %d clean-ups wait already: "
			 "what it cleans up is left (clean up by hand)", c->plan, MAX_KEPT);
	if (!left || is_full) {
		cleanup_retry_done(l, c);
		return;
	}

	i = g_new0(struct item, 1);
	*i = (struct item){ .later = l, .what = *c, .plan = g_strdup(c->plan) };
	i->what.plan = i->plan;
	i->what.tries = left - 1;
	g_bytes_ref(c->document);
	if (!c->seq)
		i->what.seq = accept_cleanup(l, c);

	i->timer = g_timeout_add_seconds(l->pause_s << MIN(done, MAX_DOUBLINGS), on_timer, i);
	g_queue_push_tail(&l->kept, i);
}

void cleanup_retry_done(CleanupRetry *l, const struct cleanup *c)
{
	journal_forget(l->journal, c->seq);
}

void cleanup_retry_give_up(CleanupRetry *l, const struct cleanup *c)
{
	oned_log(l->out, 'W', c->id, "%s is not tried again: no driver was running for long, and "
		 "the VM's networks may be in use again", c->plan);
	cleanup_retry_done(l, c);
}

void cleanup_retry_give_all_up(CleanupRetry *l)
{
	struct item *i;

	while ((i = g_queue_pop_head(&l->kept))) {
		cleanup_retry_give_up(l, &i->what);
		item_free(i);
	}
}

void cleanup_retry_drop(CleanupRetry *l, gint64 id, const GBytes *own)
{
	GList *next;

	for (GList *at = l->kept.head; at; at = next) {
		struct item *i = at->data;

		next = at->next;
		if (i->what.id != id || (own && g_bytes_equal(i->what.document, own)))
			continue;

		cleanup_retry_done(l, &i->what);
		g_queue_delete_link(&l->kept, at);
		item_free(i);
	}
}
