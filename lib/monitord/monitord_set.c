/* SPDX-License-Identifier: Apache-2.0 */
#include "monitord/monitord_set.h"

#include <glib.h>

const struct monitord_set monitord_sets[MONITORD_SETS] = {
	[SET_SYSTEM_HOST]  = { "host/system",  "SYSTEM_HOST",  "SYSTEM_HOST",  600,
			       .at_start = true },
	[SET_MONITOR_HOST] = { "host/monitor", "MONITOR_HOST", "MONITOR_HOST", 120,
			       .at_start = true },
	[SET_STATE_VM]     = { "vm/status",    "STATE_VM",     "STATE_VM",       5,
			       .at_start = true, .tcp = true },
	[SET_MONITOR_VM]   = { "vm/monitor",   "MONITOR_VM",   "MONITOR_VM",    30,
			       .at_start = true, .by_vm = true },
	[SET_BEACON_HOST]  = { "host/beacon",  "BEACON_HOST",  "BEACON_HOST",   30,
			       .at_start = false },
	[SET_EXEC_VM]      = { "vm/execution", "EXEC_VM",      "EXEC_VM",        5,
			       .tcp = true, .by_vm = true },
	[SET_STATE_RUN]    = { "vm/status",    "STATE_VM",     "STATE_VM",       5,
			       .tcp = true },
	[SET_SNAPSHOT_VM]  = { "vm/snapshot",  "MONITOR_VM",   NULL,            60,
			       .by_vm = true },
};

enum monitord_set_id monitord_set_by_path(const char *path)
{
	enum monitord_set_id id = SET_SYSTEM_HOST;

	while (id < MONITORD_SETS && !g_str_equal(monitord_sets[id].path, path))
		id++;

	return id;
}
