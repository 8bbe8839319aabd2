/*
 * queue.h - what waits to run. Items of one lane (a host, or a VM) run one at
 * a time and in their order; idle lanes are served by age.
 */
#ifndef ONE_VMM_EXEC_QUEUE_H
#define ONE_VMM_EXEC_QUEUE_H

#include <glib.h>

typedef struct queue Queue;

Queue *queue_new(void);

/* Items still waiting are not freed. */
void queue_free(Queue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Queue, queue_free)

/* Appends ITEM, which the queue does not own, to LANE. */
void queue_push(Queue *queue, const char *lane, void *item);

/* The oldest item that may run now, or NULL. Its lane is busy until queue_done(). */
void *queue_start(Queue *queue);

/* LANE's running item has ended. */
void queue_done(Queue *queue, const char *lane);

/* Takes out the oldest waiting item for which MATCH(item, DATA) is 0; NULL: none. */
void *queue_remove(Queue *queue, GCompareFunc match, const void *data);

/* Items that wait. */
guint queue_length(const Queue *queue);

#endif
