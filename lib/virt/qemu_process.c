/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/qemu_process.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* The argument after "-uuid" among LEN bytes of NUL-ended ones; NULL. */
static const char *uuid_of(const char *args, size_t len)
{
	const char *end = args + len;

	for (const char *p = args; p < end; p += strlen(p) + 1)
		if (!strcmp(p, "-uuid") && p + strlen(p) + 1 < end)
			return p + strlen(p) + 1;
	return NULL;
}

GHashTable *qemu_process_pids(void)
{
	GHashTable *pids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	const char *name;

	while (proc && (name = g_dir_read_name(proc))) {
		g_autofree char *path = g_build_filename("/proc", name, "cmdline", NULL);
		g_autofree char *args = NULL;
		const char *uuid;
		gsize len;

		if (!g_ascii_isdigit(*name))
			continue;
		if (!g_file_get_contents(path, &args, &len, NULL))
			continue;
		uuid = uuid_of(args, len);
		if (uuid)
			g_hash_table_insert(pids, g_strdup(uuid),
					    GUINT_TO_POINTER(g_ascii_strtoull(name, NULL, 10)));
	}

	return pids;
}

enum { FIELD_STATE = 3, FIELD_START = 22 };

gint64 qemu_process_age_s(const char *uuid)
{
	g_autoptr(GHashTable) pids = qemu_process_pids();
	guint pid = GPOINTER_TO_UINT(g_hash_table_lookup(pids, uuid));
	g_autofree char *path = g_strdup_printf("/proc/%u/stat", pid);
	g_autofree char *text = NULL;
	struct timespec now;
	const char *at;

	if (!pid || !g_file_get_contents(path, &text, NULL, NULL) ||
	    clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		return -1;
	at = strrchr(text, ')');
	for (int field = FIELD_STATE - 1; at && field < FIELD_START; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -1;

	return now.tv_sec - g_ascii_strtoll(at + 1, NULL, 10) / sysconf(_SC_CLK_TCK);
}
