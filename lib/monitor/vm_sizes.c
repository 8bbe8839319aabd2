/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/vm_sizes.h"

#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "facts/facts_parts.h"

enum { BLOCK = 512 };

/* Links are followed: a disk may lie elsewhere. */
static bool size_of(const char *dir, const char *name, bool apparent, guint64 *ret_mib)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	struct stat st;

	if (stat(path, &st) < 0)
		return false;

	*ret_mib = (guint64)st.st_size >> 20;
	if (!apparent)
		*ret_mib = ((guint64)st.st_blocks * BLOCK + (1 << 20) - 1) >> 20;

	return true;
}

static void add_snapshots(Fields *out, const char *dir, const char *disk, bool apparent)
{
	g_autofree char *home = g_strdup_printf("%s/%s.snap", dir, disk);
	g_auto(GStrv) names = facts_names(NULL, home, "");
	guint64 mib;

	for (char **n = names; *n; n++) {
		Fields *one;

		if (!text_is_digits(*n) || !size_of(home, *n, apparent, &mib))
			continue;
		one = fields_add_vector(out, "SNAPSHOT_SIZE", FIELDS_SIZE);
		fields_add(one, "ID", FIELDS_BARE, "%s", *n);
		fields_add(one, "DISK_ID", FIELDS_BARE, "%s", disk + strlen("disk."));
		fields_add(one, "SIZE", FIELDS_BARE, "%" G_GUINT64_FORMAT, mib);
	}
}

/* NULL: there are none. */
static Fields *sizes_of(const char *dir, bool apparent)
{
	g_auto(GStrv) names = facts_names(NULL, dir, "disk.");
	Fields *out = NULL;
	guint64 mib;

	for (char **n = names; *n; n++) {
		Fields *one;

		if (!text_is_digits(*n + strlen("disk.")) || !size_of(dir, *n, apparent, &mib))
			continue;
		out = out ? out : fields_new();
		one = fields_add_vector(out, "DISK_SIZE", FIELDS_SIZE);
		fields_add(one, "ID", FIELDS_BARE, "%s", *n + strlen("disk."));
		fields_add(one, "SIZE", FIELDS_BARE, "%" G_GUINT64_FORMAT, mib);
		add_snapshots(out, dir, *n, apparent);
	}

	return out;
}

void vm_sizes_add(Fields *out, const char *dir, bool apparent)
{
	g_auto(GStrv) names = facts_names(NULL, dir, "");

	for (char **n = names; *n; n++) {
		g_autofree char *home = g_build_filename(dir, *n, NULL);
		Fields *sizes = text_is_digits(*n) ? sizes_of(home, apparent) : NULL, *vm;

		if (!sizes)
			continue;
		vm = fields_add_vector(out, "VM", FIELDS_VM);
		fields_add(vm, "ID", FIELDS_QUOTED, "%s", *n);
		fields_add_packed(vm, "MONITOR", sizes);
	}
}
