#include "virt/qemu_process.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "monitor/qemu_rss.h"

enum { FIELD_STATE = 3, FIELD_START = 22 };

gint64 virt_age_s(const char *uuid)
{
	g_autoptr(GHashTable) pids = virt_rss_pids();
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
