/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/facts_parts.h"

#include <json-c/json.h>

/* NULL also where OBJECT is none: descriptors of other makers are not trusted to be whole. */
static json_object *member(json_object *object, const char *name)
{
	json_object *found = NULL;

	json_object_object_get_ex(object, name, &found);

	return found;
}

/* Whether a target of descriptor ROOT is of ARCH. */
static bool is_for(json_object *root, const char *arch)
{
	json_object *targets = member(root, "targets");
	size_t n = json_object_is_type(targets, json_type_array) ?
		   json_object_array_length(targets) : 0;

	for (size_t i = 0; i < n; i++) {
		json_object *name = member(json_object_array_get_idx(targets, i), "architecture");

		if (!g_strcmp0(json_object_get_string(name), arch))
			return true;
	}

	return false;
}

/* Whether the file of mapping ROOT is there: else libvirt passes the descriptor over. */
static bool has_file(HostFacts *f, const char *root_dir, json_object *root)
{
	json_object *mapping = member(root, "mapping");
	json_object *file = member(member(mapping, "executable"), "filename");
	const char *path;

	if (!file)
		file = member(mapping, "filename");

	path = json_object_get_string(file);
	if (!path || facts_there(root_dir, path))
		return true;

	if (!f->firmware_missing)
		f->firmware_missing = facts_keep(f, path);

	return false;
}

/* One that is no JSON, or for another architecture, is none for this host. */
static void read_descriptor(HostFacts *f, const char *root_dir, const char *text)
{
	json_object *root = json_tokener_parse(text);
	json_object *features = member(root, "features");
	size_t n = json_object_is_type(features, json_type_array) ?
		   json_object_array_length(features) : 0;

	if (f->arch && is_for(root, f->arch) && has_file(f, root_dir, root)) {
		f->firmwares++;
		for (size_t i = 0; i < n; i++)
			facts_add(f, &f->firmware_features,
				  json_object_get_string(json_object_array_get_idx(features, i)));
	}

	json_object_put(root);
}

/* QEMU's descriptors, by which libvirt chooses a firmware. */
void facts_read_descriptors(HostFacts *f, const char *root)
{
	static const char *const dirs[] = { "/etc/qemu/firmware", "/usr/share/qemu/firmware" };
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (size_t d = 0; d < G_N_ELEMENTS(dirs); d++) {
		g_auto(GStrv) names = facts_names(root, dirs[d], "");

		for (char **n = names; *n; n++) {
			g_autofree char *path = g_build_filename(dirs[d], *n, NULL);
			g_autofree char *text = facts_text(root, path);

			/* The first hides others of its name, even when it is empty. */
			if (text && g_hash_table_add(seen, g_strdup(*n)))
				read_descriptor(f, root, text);
		}
	}
}
