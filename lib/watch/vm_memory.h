/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_memory.h - the VMs that monitord knows to be on, kept in a file: the next agent of this host
 * misses none that ends while no agent runs.
 *
 * Source: docs/monitoring.md, "States".
 */
#ifndef WATCH_VM_MEMORY_H
#define WATCH_VM_MEMORY_H

#include "watch/vm_table.h"

typedef struct vm_memory VmMemory;

/* The file PATH, which is borrowed. Never freed. */
VmMemory *vm_memory_new(const char *path);

/*
 * Adds the VMs of the file to TABLE, but for those that an action worked on since: oned knows what
 * became of them. A file that others may write is not read.
 */
void vm_memory_read(const VmMemory *memory, VmTable *table);

/*
 * Has the file written on a thread, if TABLE has other VMs than it, or to REFRESH its time, which
 * is that until which actions are known here. Why it cannot be is noted (watch_faults.h).
 */
void vm_memory_keep(VmMemory *memory, const VmTable *table, bool refresh);

/* As vm_memory_keep(), if the last write failed. */
void vm_memory_retry(VmMemory *memory, const VmTable *table);

#endif
