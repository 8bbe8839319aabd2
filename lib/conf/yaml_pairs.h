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

#endif
