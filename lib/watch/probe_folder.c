/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/probe_folder.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "watch/set_parts.h"
#include "watch/stock_probe.h"

enum { MAX_PROBE = 1 << 20 };

static void probe_free(void *data)
{
	struct probe *p = data;

	g_free(p->name);
	g_free(p->path);
	g_free(p);
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	const struct probe *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* A file that cannot be read is none that we know. */
static enum probe_kind kind_of(const struct probe *p, enum monitord_set_id id,
			       GHashTable *recorded)
{
	g_autofree char *name = g_build_filename(monitord_sets[id].path, p->name, NULL);
	bool is_answered = set_parts_have(id, p->name), is_known;
	GString *text;

	if (access(p->path, X_OK) < 0)
		return PROBE_OFF;

	text = file_read(p->path, MAX_PROBE, NULL);
	is_known = text && stock_probe_known(name, text->str, recorded);
	if (text)
		g_string_free(text, TRUE);
	if (is_known && is_answered)
		return PROBE_BUILT_IN;
	if (is_known)
		return PROBE_OTHER;
	if (is_answered)
		return PROBE_EDITED;

	return PROBE_OWN;
}

char *probe_folder_record(const char *set, const char *hypervisor)
{
	g_autofree char *folder = g_strconcat(hypervisor, "-probes.d", NULL);

	return g_build_filename(set, "etc", "im", folder, "stock", NULL);
}

GPtrArray *probe_folder_list(const char *set, const char *hypervisor, enum monitord_set_id id)
{
	g_autofree char *home = g_strconcat(hypervisor, ".d", NULL);
	g_autofree char *folder = g_strconcat(hypervisor, "-probes.d", NULL);
	/* As OpenNebula's client names it, and a probe may look at its $0. */
	g_autofree char *path = g_build_filename(set, "im", home, "..", folder,
						 monitord_sets[id].path, NULL);
	g_autofree char *record = probe_folder_record(set, hypervisor);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_autoptr(GHashTable) recorded = NULL;
	GPtrArray *list;
	const char *name;

	if (!dir)
		return NULL;

	recorded = stock_probe_recorded(record);
	list = g_ptr_array_new_with_free_func(probe_free);
	while ((name = g_dir_read_name(dir))) {
		struct probe *p;
		g_autofree char *file = g_build_filename(path, name, NULL);

		if (!g_file_test(file, G_FILE_TEST_IS_REGULAR))
			continue;

		p = g_new(struct probe, 1);
		p->name = g_strdup(name);
		p->path = g_steal_pointer(&file);
		p->kind = kind_of(p, id, recorded);
		g_ptr_array_add(list, p);
	}

	g_ptr_array_sort(list, compare_names);

	return list;
}
