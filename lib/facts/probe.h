/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - a question that may hang, or needs another user's rights, is asked in a process of its
 * own.
 */
#ifndef FACTS_PROBE_H
#define FACTS_PROBE_H

#include "base/error.h"

/* Runs in the child; what it adds to OUT is the answer. */
typedef void probe_func(const void *data, GString *out);

typedef struct probe Probe;

/*
 * Starts FUNC with DATA in a child process; it may take LIMIT_MS. probe_finish() must follow. NULL:
 * it could not be started.
 */
Probe *probe_start(probe_func *func, const void *data, unsigned limit_ms);

/*
 * Waits for the answer, which the caller frees, and frees PROBE, which may be NULL. NULL: it was
 * not ready in time, or died.
 */
GString *probe_finish(Probe *probe);

/* The two in one. */
GString *probe_run(probe_func *func, const void *data, unsigned limit_ms);

#endif
