/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/qemu_rss.h"

#include <string.h>

static guint64 field(const char *status, const char *name)
{
	const char *p = strstr(status, name);

	if (p)
		return g_ascii_strtoull(p + strlen(name), NULL, 10);

	return 0;
}

guint64 qemu_rss_kib(GHashTable *pids, const char *uuid)
{
	guint pid = GPOINTER_TO_UINT(g_hash_table_lookup(pids, uuid));
	g_autofree char *path = g_strdup_printf("/proc/%u/status", pid);
	g_autofree char *status = NULL;

	if (!pid)
		return 0;
	if (!g_file_get_contents(path, &status, NULL, NULL))
		return 0;

	return field(status, "\nVmRSS:") + field(status, "\nVmSwap:");
}
