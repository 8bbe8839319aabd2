/* SPDX-License-Identifier: Apache-2.0 */
#include "lane_queue.h"

enum { LANES = 2 };

struct entry {
	guint64 age;			/* smaller is older */
	void *item;
	struct lane *lanes[LANES];	/* or NULL */
	bool admitted[LANES];
	bool running;
	bool held;
};

struct lane {
	char *name;
	int level;			/* which of an item's lanes it is */
	guint capacity, running;
	guint users;			/* items that name it, also those not in it yet */
	GQueue entries;			/* by age; with those that run */
};

struct lane_queue {
	GHashTable *lanes;		/* name to struct lane; only those in use */
	GQueue waiting;			/* of struct entry, by age */
	GQueue ready;			/* those of them that all their lanes admit, by age */
	GHashTable *running;		/* item to its struct entry */
	guint64 next_age;
};

static void lane_free(void *data)
{
	struct lane *lane = data;

	g_queue_clear(&lane->entries);
	g_free(lane->name);
	g_free(lane);
}

LaneQueue *lane_queue_new(void)
{
	LaneQueue *q = g_new0(LaneQueue, 1);

	q->lanes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, lane_free);
	q->running = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	g_queue_init(&q->waiting);
	g_queue_init(&q->ready);

	return q;
}

void lane_queue_free(LaneQueue *q)
{
	if (!q)
		return;

	g_queue_clear(&q->ready);
	g_queue_clear_full(&q->waiting, g_free);
	g_hash_table_unref(q->lanes);
	g_hash_table_unref(q->running);
	g_free(q);
}

/* From the end: most are younger than all others. */
static void insert_by_age(GQueue *to, struct entry *e)
{
	GList *after = to->tail;

	while (after && ((struct entry *)after->data)->age > e->age)
		after = after->prev;

	g_queue_insert_after(to, after, e);
}

static void admit_from(LaneQueue *q, struct lane *lane);

/*
 * E waits in its lane LEVEL, and in the next one once this lane admits it: an item that waits for
 * its VM does not occupy its host. Once all its lanes admit it, it is ready.
 */
static void enter_lane(LaneQueue *q, struct entry *e, int level)
{
	while (level < LANES && !e->lanes[level])
		level++;
	if (level == LANES) {
		if (!e->held)
			insert_by_age(&q->ready, e);

		return;
	}

	insert_by_age(&e->lanes[level]->entries, e);
	admit_from(q, e->lanes[level]);
}

/* Out of lane LEVEL and those behind it, and no longer ready. */
static void leave_lanes(LaneQueue *q, struct entry *e, int level)
{
	if (!e->running)
		g_queue_remove(&q->ready, e);

	for (int i = LANES - 1; i >= level; i--) {
		struct lane *lane = e->lanes[i];

		e->admitted[i] = false;
		if (!lane)
			continue;
		if (!g_queue_remove(&lane->entries, e))
			continue;

		lane->running -= e->running;
		admit_from(q, lane);
	}
}

/* Admits as many of LANE as it has room for, and no others. */
static void admit_from(LaneQueue *q, struct lane *lane)
{
	int level = lane->level;
	guint room = lane->capacity - MIN(lane->capacity, lane->running);

	for (GList *l = lane->entries.head; l; l = l->next) {
		struct entry *e = l->data;

		if (e->running)
			continue;
		if (!room && !e->admitted[level])
			break;		/* nor is anyone behind it */
		if (e->admitted[level] && !room)
			leave_lanes(q, e, level + 1);
		else if (!e->admitted[level])
			enter_lane(q, e, level + 1);

		e->admitted[level] = room > 0;
		room -= room > 0;
	}
}

static struct lane *lane_of(LaneQueue *q, const struct lane_queue_lane *spec, int level)
{
	struct lane *lane;

	if (!spec->name)
		return NULL;

	lane = g_hash_table_lookup(q->lanes, spec->name);
	if (!lane) {
		lane = g_new0(struct lane, 1);
		lane->name = g_strdup(spec->name);
		lane->capacity = spec->capacity;
		lane->level = level;
		g_queue_init(&lane->entries);
		g_hash_table_insert(q->lanes, lane->name, lane);
	}

	return lane;
}

/* Ages are even, so that one can stand before another. */
static guint64 age_of(LaneQueue *q, const struct lane *lane, const void *item,
		      GCompareFunc overtakes)
{
	for (GList *l = lane && overtakes ? lane->entries.head : NULL; l; l = l->next) {
		const struct entry *other = l->data;

		if (!other->running && !overtakes(other->item, item))
			return other->age - 1;
	}

	q->next_age += 2;

	return q->next_age;
}

void lane_queue_push(LaneQueue *q, const struct lane_queue_lane lanes[2], void *item,
		     GCompareFunc overtakes, bool held)
{
	struct entry *e = g_new0(struct entry, 1);

	e->item = item;
	e->held = held;
	for (int i = 0; i < LANES; i++)
		e->lanes[i] = lane_of(q, &lanes[i], i);

	for (int i = 0; i < LANES; i++)
		if (e->lanes[i])
			e->lanes[i]->users++;
	e->age = age_of(q, e->lanes[0], item, overtakes);
	insert_by_age(&q->waiting, e);
	enter_lane(q, e, 0);
}

static bool is_admitted(const struct entry *e)
{
	for (int i = 0; i < LANES; i++)
		if (e->lanes[i] && !e->admitted[i])
			return false;
	return true;
}

void lane_queue_release(LaneQueue *q, const void *item)
{
	for (GList *l = q->waiting.head; l; l = l->next) {
		struct entry *e = l->data;

		if (e->item != item)
			continue;
		if (!e->held)
			continue;

		e->held = false;
		if (is_admitted(e))
			insert_by_age(&q->ready, e);

		return;
	}
}

void *lane_queue_find(const LaneQueue *q, GCompareFunc match, const void *data)
{
	for (GList *l = q->waiting.head; l; l = l->next) {
		const struct entry *e = l->data;

		if (!match(e->item, data))
			return e->item;
	}

	return NULL;
}

void *lane_queue_start(LaneQueue *q)
{
	struct entry *e = g_queue_pop_head(&q->ready);

	if (!e)
		return NULL;

	g_queue_remove(&q->waiting, e);
	e->running = true;
	for (int i = 0; i < LANES; i++)
		if (e->lanes[i])
			e->lanes[i]->running++;
	g_hash_table_insert(q->running, e->item, e);

	return e->item;
}

/* Lanes without items are removed. */
static void entry_end(LaneQueue *q, struct entry *e)
{
	leave_lanes(q, e, 0);
	for (int i = 0; i < LANES; i++)
		if (e->lanes[i] && !--e->lanes[i]->users)
			g_hash_table_remove(q->lanes, e->lanes[i]->name);
}

void lane_queue_done(LaneQueue *q, const void *item)
{
	struct entry *e = g_hash_table_lookup(q->running, item);

	g_return_if_fail(e);
	entry_end(q, e);
	g_hash_table_remove(q->running, item);
}

void lane_queue_set_capacity(LaneQueue *q, const char *name, guint capacity)
{
	struct lane *lane = g_hash_table_lookup(q->lanes, name);

	if (!lane)
		return;
	if (lane->capacity == capacity)
		return;

	lane->capacity = capacity;
	admit_from(q, lane);
}

void *lane_queue_remove(LaneQueue *q, GCompareFunc match, const void *data)
{
	for (GList *l = q->waiting.head; l; l = l->next) {
		struct entry *e = l->data;
		void *item = e->item;

		if (match && match(item, data))
			continue;

		g_queue_delete_link(&q->waiting, l);
		entry_end(q, e);
		g_free(e);
		return item;
	}

	return NULL;
}

guint lane_queue_length(const LaneQueue *q)
{
	return q->waiting.length;
}
