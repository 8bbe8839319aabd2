/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_results.h - results of programs that exec started in guests, for the monitoring.
 *
 * Source: docs/facts/monitoring.md 6.
 */
#ifndef VM_EXEC_RESULTS_H
#define VM_EXEC_RESULTS_H

#include <libvirt/libvirt.h>

#include "monitor/fields.h"

/* Whether a program runs, or its result was not fetched yet. Asks nobody. */
bool exec_results_expected(void);

/*
 * Adds the result of each program that has ended to OUT, and forgets it: the agent gives a result
 * only once. A guest that does not answer is asked again only after a while; nothing is done while
 * an action holds the lock.
 */
void exec_results_add(Fields *out, virConnect *conn);

#endif
