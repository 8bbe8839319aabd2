/* SPDX-License-Identifier: Apache-2.0 */
/* yaml_pairs.h - the plain values of a YAML file of OpenNebula: ":name: value" each. */
#ifndef CONF_YAML_PAIRS_H
#define CONF_YAML_PAIRS_H

#include "base/error.h"

/*
 * The values of the file's outermost map by name, without colons before it; values that are maps or
 * lists are left out. g_hash_table_unref(). NULL: errno's class, or VMM_ERROR_CONFIG with the line.
 */
GHashTable *yaml_pairs_read(const char *path, GError **error);

/*
 * As yaml_pairs_read(), for lists: a value is a NULL-terminated list of texts, with one for a
 * single text, none for an empty one.
 */
GHashTable *yaml_lists_read(const char *path, GError **error);

/* What a file with maps in maps says at one place. */
struct yaml_place {
	char *path;		/* "commands/vm_qemu_ping", without the names' colons */
	char **values;		/* one for a plain value, none for an empty one */
};

/* All places of PATH with values or lists, in the file's order. g_ptr_array_unref(). */
GPtrArray *yaml_places_read(const char *path, GError **error);

#endif
