/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_client.h - a worker of our own, as a relay or the driver has it: started when it is first
 * of use, asked for the process of each step that it can run, and ended when it is idle, old,
 * large, replaced or of no use, or a library of it has been replaced.
 *
 * Whether a step was begun is never in doubt. A process of the worker's does nothing before it gets
 * our word; we give that word once we know the process for our child, and if we do not give it, the
 * process ends. So a step that the worker did not take can be run as a program.
 * Source: docs/facts/worker.md.
 */
#ifndef WIRE_WORKER_CLIENT_H
#define WIRE_WORKER_CLIENT_H

#include "base/child.h"
#include "wire/worker_order.h"

typedef struct worker_client WorkerClient;

/* The worker in DIRECTORY, of the actions in its folder kvm. Starts nothing yet. */
WorkerClient *worker_client_new(const char *directory);

/*
 * The worker's own memory, resident and shared with no file, in bytes; 0: there is no worker now.
 */
typedef void worker_client_memory(void *data, guint64 own_bytes);

/* MEMORY(DATA), or NULL, is called when that has changed; it is looked at with each step. */
void worker_client_watch(WorkerClient *w, worker_client_memory *memory, void *data);

/* Ends the worker. What it has begun continues. */
void worker_client_free(WorkerClient *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WorkerClient, worker_client_free)

/*
 * Whether there is a worker that stands for the program PATH as it is now. If not, there may be one
 * for the next.
 */
bool worker_client_ready(WorkerClient *w, const char *path);

/* After that: has it make the process of ORDER. As a child_starter. */
int worker_client_begin(WorkerClient *w, const struct worker_order *order, const int fds[3]);

/*
 * A child_starter whose data is a WorkerClient. 0: SPEC is none of our actions, or not the program
 * that the worker stands for, or the worker is not there yet, or in trouble; it may be there for
 * the next.
 */
int worker_client_start(void *worker_client, const struct child_spec *spec, const int fds[3]);

#endif
