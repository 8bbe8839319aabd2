/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/yaml_pairs.h"

#include <yaml.h>

#include "base/file.h"

enum { MAX_FILE = 1 << 20 };

static const yaml_node_t *node(yaml_document_t *doc, int index)
{
	return yaml_document_get_node(doc, index);
}

static void add_pair(GHashTable *pairs, const yaml_node_t *key, const yaml_node_t *value)
{
	const char *name;

	if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE)
		return;

	name = (const char *)key->data.scalar.value;
	if (*name == ':')
		name++;
	g_hash_table_insert(pairs, g_strdup(name), g_strdup((char *)value->data.scalar.value));
}

static GHashTable *pairs_of(yaml_document_t *doc)
{
	GHashTable *pairs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	const yaml_node_t *root = yaml_document_get_root_node(doc);

	if (!root || root->type != YAML_MAPPING_NODE)
		return pairs;
	for (const yaml_node_pair_t *p = root->data.mapping.pairs.start;
	     p < root->data.mapping.pairs.top; p++)
		add_pair(pairs, node(doc, p->key), node(doc, p->value));

	return pairs;
}

GHashTable *yaml_pairs_read(const char *path, GError **error)
{
	GString *text = file_read(path, MAX_FILE, error);
	GHashTable *pairs = NULL;
	yaml_document_t doc;
	yaml_parser_t parser;

	if (!text)
		return NULL;

	if (!yaml_parser_initialize(&parser))
		g_error("no memory for a YAML parser");
	yaml_parser_set_input_string(&parser, (const guchar *)text->str, text->len);
	if (yaml_parser_load(&parser, &doc)) {
		pairs = pairs_of(&doc);
		yaml_document_delete(&doc);
	} else {
		vmm_fail(error, VMM_ERROR_CONFIG, "%s:%zu: %s", path,
			 parser.problem_mark.line + 1, parser.problem);
	}

	yaml_parser_delete(&parser);
	g_string_free(text, TRUE);

	return pairs;
}
