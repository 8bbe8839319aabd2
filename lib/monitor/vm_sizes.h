/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_sizes.h - how large the disks and snapshots of VMs are in a datastore that a host keeps.
 *
 * Source: docs/facts/monitoring.md 4.2.
 */
#ifndef MONITOR_VM_SIZES_H
#define MONITOR_VM_SIZES_H

#include "monitor/fields.h"

/*
 * Adds to OUT the sizes in directory DIR, a line for each VM with disks, in MiB: what they take up,
 * rounded up, or how long they are, rounded down, if APPARENT. May hang with the file system.
 */
void vm_sizes_add(Fields *out, const char *dir, bool apparent);

#endif
