/* SPDX-License-Identifier: Apache-2.0 */
#include "monitord/monitord_set.h"

#include <glib.h>

const struct monitord_set monitord_sets[MONITORD_SETS] = {
	/*                     path            message        period  tcp    by_vm */
	[SET_SYSTEM_HOST]  = { "host/system",  "SYSTEM_HOST",  600, false, false },
	[SET_MONITOR_HOST] = { "host/monitor", "MONITOR_HOST", 120, false, false },
	[SET_STATE_VM]     = { "vm/status",    "STATE_VM",       5, true,  false },
	[SET_MONITOR_VM]   = { "vm/monitor",   "MONITOR_VM",    30, false, true  },
	[SET_BEACON_HOST]  = { "host/beacon",  "BEACON_HOST",   30, false, false },
};

enum monitord_set_id monitord_set_by_path(const char *path)
{
	enum monitord_set_id id = SET_SYSTEM_HOST;

	while (id < MONITORD_SETS && !g_str_equal(monitord_sets[id].path, path))
		id++;

	return id;
}
