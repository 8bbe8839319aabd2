/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_set.h - the figures of VMs, as monitord reads them.
 *
 * Source: docs/facts/monitoring.md 3.2, 4 and 5.
 */
#ifndef MONITOR_VM_SET_H
#define MONITOR_VM_SET_H

#include "monitor/fields.h"
#include "monitor/stats.h"

/* Adds to OUT the usage of each domain of LIST (struct stats), wild ones too: MONITOR_VM. */
void vm_set_add_usage(Fields *out, const GPtrArray *list);

/* Adds the state of VM ID: a line of STATE_VM. */
void vm_set_add_state(Fields *out, gint64 id, const char *uuid, const char *state);

/* Adds the lines that make a list of states a complete one. */
void vm_set_add_sync(Fields *out);

/* Adds what imports each wild domain of LIST, unless it is gone by now: of SYSTEM_HOST. */
void vm_set_add_wild(Fields *out, const GPtrArray *list);

#endif
