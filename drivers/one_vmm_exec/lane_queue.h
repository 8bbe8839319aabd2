/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane_queue.h - items that wait to run. An item is in one or two lanes (its VM, its host). A lane
 * limits how many of its items run at a time, and starts the oldest first; an item waits for its
 * second lane once the first lets it run. Of all items that may run the oldest starts first.
 */
#ifndef ONE_VMM_EXEC_LANE_QUEUE_H
#define ONE_VMM_EXEC_LANE_QUEUE_H

#include <glib.h>
#include <stdbool.h>

typedef struct lane_queue LaneQueue;

/* A lane of an item; NAME NULL: none. CAPACITY is used when the lane is new. */
struct lane_queue_lane {
	const char *name;
	guint capacity;
};

/* An empty queue; lanes are made by the items that name them. */
LaneQueue *lane_queue_new(void);

/* Items still waiting are not freed. */
void lane_queue_free(LaneQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LaneQueue, lane_queue_free)

/*
 * Appends ITEM, which the queue does not own, to its lanes. If OVERTAKES(other, ITEM) is 0 for a
 * waiting item of its first lane, ITEM is put before the oldest of these instead. An item that is
 * HELD has its place in the lanes, but does not run before lane_queue_release().
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

/* Sets how many items of LANE may run at once from now on; running ones are not affected. */
void lane_queue_set_capacity(LaneQueue *queue, const char *lane, guint capacity);

/* Takes out the oldest waiting item for which MATCH(item, DATA) is 0 (NULL: any); NULL: none. */
void *lane_queue_remove(LaneQueue *queue, GCompareFunc match, const void *data);

/* Items that wait. */
guint lane_queue_length(const LaneQueue *queue);

#endif
