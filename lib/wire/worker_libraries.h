/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_libraries.h - whether a worker has the libraries that a program would get now: an upgrade
 * of the host's must reach the next step.
 */
#ifndef WIRE_WORKER_LIBRARIES_H
#define WIRE_WORKER_LIBRARIES_H

#include "base/error.h"

typedef struct worker_libraries WorkerLibraries;

/* The files that process PID has loaded, as they are now. NULL: that is not to be read. */
WorkerLibraries *worker_libraries_new(pid_t pid);
void worker_libraries_free(WorkerLibraries *libraries);

/* Whether all are as they were, and the loader would look for them where it did. */
bool worker_libraries_same(const WorkerLibraries *libraries);

#endif
