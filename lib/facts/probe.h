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

/*
 * Runs FUNC with DATA in a child process; its answer, which the caller frees. NULL: it was not
 * ready after LIMIT_MS, or died.
 */
GString *probe_run(probe_func *func, const void *data, unsigned limit_ms);

#endif
