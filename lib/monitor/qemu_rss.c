#include "monitor/qemu_rss.h"

#include <string.h>

/* The argument after "-uuid" among LEN bytes of NUL-ended ones; NULL. */
static const char *uuid_of(const char *args, size_t len)
{
	const char *end = args + len;

	for (const char *p = args; p < end; p += strlen(p) + 1)
		if (!strcmp(p, "-uuid") && p + strlen(p) + 1 < end)
			return p + strlen(p) + 1;
	return NULL;
}

GHashTable *virt_rss_pids(void)
{
	GHashTable *pids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	const char *name;

	while (proc && (name = g_dir_read_name(proc))) {
		g_autofree char *path = g_build_filename("/proc", name, "cmdline", NULL);
		g_autofree char *args = NULL;
		const char *uuid;
		gsize len;

		if (!g_ascii_isdigit(*name) || !g_file_get_contents(path, &args, &len, NULL))
			continue;
		uuid = uuid_of(args, len);
		if (uuid)
			g_hash_table_insert(pids, g_strdup(uuid),
					    GUINT_TO_POINTER(g_ascii_strtoull(name, NULL, 10)));
	}
	return pids;
}

static guint64 field(const char *status, const char *name)
{
	const char *p = strstr(status, name);

	return p ? g_ascii_strtoull(p + strlen(name), NULL, 10) : 0;
}

guint64 virt_rss_kib(GHashTable *pids, const char *uuid)
{
	guint pid = GPOINTER_TO_UINT(g_hash_table_lookup(pids, uuid));
	g_autofree char *path = g_strdup_printf("/proc/%u/status", pid);
	g_autofree char *status = NULL;

	if (!pid || !g_file_get_contents(path, &status, NULL, NULL))
		return 0;
	return field(status, "\nVmRSS:") + field(status, "\nVmSwap:");
}
