/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_object.h - what a domain is and uses, as a JSON object for programs and for vmmexec(1):
 * numbers are numbers, their units are in the names.
 */
#ifndef MONITOR_VM_OBJECT_H
#define MONITOR_VM_OBJECT_H

#include "monitor/stats.h"

/*
 * {"name", "vm_id", "uuid", "state", "cpu_percent", "memory_kib", "net_rx_bytes", …}. What is not
 * known is left out. The caller owns it.
 */
struct json_object *vm_object(const struct stats *stats);

/*
 * Adds to OBJECT what the domain's XML says: "title", "vcpus", "memory_max_kib", "disks", "nics",
 * "snapshots"; "uptime_s"; and its directory, which its metadata of namespace URI name.
 */
bool vm_object_add_detail(struct json_object *object, const struct stats *stats, const char *uri,
			  GError **error);

#endif
