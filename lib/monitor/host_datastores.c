/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/host_datastores.h"

#include <string.h>
#include <sys/statvfs.h>

#include "facts/facts_parts.h"

/* In MiB, as df counts them: what root alone may use is neither used nor free. */
struct room {
	guint64 used, total, available;
};

static bool room_of(const char *dir, struct room *ret)
{
	struct statvfs st;

	if (statvfs(dir, &st) < 0)
		return false;

	ret->total = (guint64)st.f_blocks * st.f_frsize >> 20;
	ret->used = (guint64)(st.f_blocks - st.f_bfree) * st.f_frsize >> 20;
	ret->available = (guint64)st.f_bavail * st.f_frsize >> 20;

	return true;
}

static void put_mib(Fields *out, const char *name, guint64 mib)
{
	fields_add(out, name, FIELDS_BARE, "%" G_GUINT64_FORMAT, mib);
}

static void add_one(Fields *out, const char *dir, const char *id)
{
	g_autofree char *path = g_build_filename(dir, id, NULL);
	g_autofree char *driver = facts_text(path, "/.monitor");
	struct room room;
	Fields *ds;

	if (!driver || !*driver || !room_of(path, &room))
		return;

	ds = fields_add_vector(out, "DS", FIELDS_DATASTORE);
	fields_add(ds, "ID", FIELDS_BARE, "%s", id);
	put_mib(ds, "USED_MB", room.used);
	put_mib(ds, "TOTAL_MB", room.total);
	put_mib(ds, "FREE_MB", room.available);
}

void host_datastores_add(Fields *out, const char *dir)
{
	g_auto(GStrv) names = facts_names(NULL, dir, "");
	struct room room;

	if (!room_of(dir, &room))
		return;

	put_mib(out, "DS_LOCATION_USED_MB", room.used);
	put_mib(out, "DS_LOCATION_TOTAL_MB", room.total);
	put_mib(out, "DS_LOCATION_FREE_MB", room.available);
	for (char **n = names; *n; n++)
		if (strspn(*n, "0123456789") == strlen(*n))
			add_one(out, dir, *n);
}
