/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_child.h - a process of the worker's, and how it becomes what the program would be.
 *
 * Source: docs/facts/worker.md 1, 2.
 */
#ifndef ACTION_WORKER_CHILD_H
#define ACTION_WORKER_CHILD_H

#include "wire/worker_order.h"

/* False with ERROR set: this system has not what worker_child_make() needs. */
bool worker_child_possible(GError **error);

/*
 * Makes a process as fork() does, but a child of our own parent. Returns its id, 0 in the child, -1
 * with errno set. The calling process must have no other thread.
 */
int worker_child_make(void);

/*
 * In the child: takes the process group, directory, descriptors, name, words and environment of
 * ORDER, whose words lie together, says through the gate that it is there and waits until it may
 * begin. Ends the process when it may not.
 */
void worker_child_become(const struct worker_order *order, const int fds[WORKER_FDS]);

#endif
