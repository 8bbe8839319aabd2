/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane_queue.h - what waits to run. An item has one or two lanes (its VM, its host),
 * and a lane lets only so many of its items run at a time, the oldest first;
 * an item waits for the second once the first lets it run. Of those that may run
 * the oldest is first.
 */
#ifndef ONE_VMM_EXEC_LANE_QUEUE_H
#define ONE_VMM_EXEC_LANE_QUEUE_H

#include <glib.h>
#include <stdbool.h>

typedef struct lane_queue LaneQueue;

/* What an item is in; NULL: in none. CAPACITY is that of a lane that is new. */
struct lane_queue_lane {
	const char *name;
	guint capacity;
};

LaneQueue *lane_queue_new(void);

/* Items still waiting are not freed. */
void lane_queue_free(LaneQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LaneQueue, lane_queue_free)

/*
 * Appends ITEM, which the queue does not own, to its lanes; or, when OVERTAKES(other, ITEM) is 0
 * for a waiting one of its first lane, puts it before the oldest such one. One that is HELD has
 * its place in the lanes and does not run before lane_queue_release().
 */
void lane_queue_push(LaneQueue *queue, const struct lane_queue_lane lanes[2], void *item,
		     GCompareFunc overtakes, bool held);

/* ITEM, which waits and is held, may run when its turn comes. */
void lane_queue_release(LaneQueue *queue, const void *item);

/* The oldest waiting item for which MATCH(item, DATA) is 0; NULL: none. */
void *lane_queue_find(const LaneQueue *queue, GCompareFunc match, const void *data);

/* The oldest item that may run now, or NULL. It is in its lanes until lane_queue_done(). */
void *lane_queue_start(LaneQueue *queue);

/* ITEM, which lane_queue_start() gave, has ended. */
void lane_queue_done(LaneQueue *queue, const void *item);

/* How many of LANE, when it is in use, may run at once from now on; what runs is not touched. */
void lane_queue_set_capacity(LaneQueue *queue, const char *lane, guint capacity);

/* Takes out the oldest waiting item for which MATCH(item, DATA) is 0 (NULL: any); NULL: none. */
void *lane_queue_remove(LaneQueue *queue, GCompareFunc match, const void *data);

/* Items that wait. */
guint lane_queue_length(const LaneQueue *queue);

#endif
