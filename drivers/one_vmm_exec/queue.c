#include "queue.h"

struct entry {
	guint64 age;		/* smaller is older */
	void *item;
};

struct lane {
	char *name;
	GQueue waiting;		/* of struct entry */
	gboolean busy;
};

struct queue {
	GHashTable *lanes;	/* name to struct lane; only those in use */
	GQueue ready;		/* idle lanes with something waiting, by the age of their head */
	guint64 next_age;
	guint length;
};

static void lane_free(void *data)
{
	struct lane *lane = data;

	g_queue_clear_full(&lane->waiting, g_free);
	g_free(lane->name);
	g_free(lane);
}

Queue *queue_new(void)
{
	Queue *q = g_new0(Queue, 1);

	q->lanes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, lane_free);
	g_queue_init(&q->ready);
	return q;
}

void queue_free(Queue *q)
{
	if (!q)
		return;
	g_queue_clear(&q->ready);
	g_hash_table_unref(q->lanes);
	g_free(q);
}

static gint by_age(gconstpointer a, gconstpointer b, gpointer data G_GNUC_UNUSED)
{
	const struct entry *x = g_queue_peek_head((GQueue *)&((const struct lane *)a)->waiting);
	const struct entry *y = g_queue_peek_head((GQueue *)&((const struct lane *)b)->waiting);

	return x->age < y->age ? -1 : 1;
}

/* Lists LANE as ready, or forgets it, as its state asks for. */
static void settle(Queue *q, struct lane *lane)
{
	if (lane->busy)
		return;
	if (lane->waiting.length)
		g_queue_insert_sorted(&q->ready, lane, by_age, NULL);
	else
		g_hash_table_remove(q->lanes, lane->name);
}

void queue_push(Queue *q, const char *name, void *item)
{
	struct lane *lane = g_hash_table_lookup(q->lanes, name);
	struct entry *e = g_new(struct entry, 1);

	if (!lane) {
		lane = g_new0(struct lane, 1);
		lane->name = g_strdup(name);
		g_queue_init(&lane->waiting);
		g_hash_table_insert(q->lanes, lane->name, lane);
	}
	*e = (struct entry){ q->next_age++, item };
	g_queue_push_tail(&lane->waiting, e);
	q->length++;
	if (lane->waiting.length == 1)
		settle(q, lane);
}

void *queue_start(Queue *q)
{
	struct lane *lane = g_queue_pop_head(&q->ready);
	g_autofree struct entry *e = lane ? g_queue_pop_head(&lane->waiting) : NULL;

	if (!e)
		return NULL;
	lane->busy = TRUE;
	q->length--;
	return e->item;
}

void queue_done(Queue *q, const char *name)
{
	struct lane *lane = g_hash_table_lookup(q->lanes, name);

	g_return_if_fail(lane && lane->busy);
	lane->busy = FALSE;
	settle(q, lane);
}

void *queue_remove(Queue *q, GCompareFunc match, const void *data)
{
	struct lane *found = NULL, *lane;
	GList *at = NULL;
	GHashTableIter iter;
	g_autofree struct entry *e = NULL;

	g_hash_table_iter_init(&iter, q->lanes);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&lane))
		for (GList *l = lane->waiting.head; l; l = l->next) {
			const struct entry *x = l->data;

			if (match(x->item, data))
				continue;
			if (!at || x->age < ((struct entry *)at->data)->age) {
				at = l;
				found = lane;
			}
			break;
		}
	if (!at)
		return NULL;
	e = at->data;
	g_queue_delete_link(&found->waiting, at);
	q->length--;
	if (!found->busy) {
		g_queue_remove(&q->ready, found);
		settle(q, found);
	}
	return e->item;
}

guint queue_length(const Queue *q)
{
	return q->length;
}
