/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/yaml_pairs.h"

#include <yaml.h>

#include "base/file.h"

enum { MAX_FILE = 1 << 20, MAX_DEPTH = 8 };

static const yaml_node_t *node(yaml_document_t *doc, int index)
{
	return yaml_document_get_node(doc, index);
}

/* Adds what a pair of the outermost map says. */
typedef void adder(GHashTable *out, yaml_document_t *doc, char *name, const yaml_node_t *value);

static const char *scalar_text(const yaml_node_t *n)
{
	return (const char *)n->data.scalar.value;
}

/* Takes NAME, as the next one does. */
static void add_pair(GHashTable *out, yaml_document_t *doc G_GNUC_UNUSED, char *name,
		     const yaml_node_t *value)
{
	if (value->type == YAML_SCALAR_NODE)
		g_hash_table_insert(out, name, g_strdup(scalar_text(value)));
	else
		g_free(name);
}

static char **texts_of(yaml_document_t *doc, const yaml_node_t *value)
{
	GPtrArray *list = g_ptr_array_new();

	if (value->type == YAML_SCALAR_NODE && *scalar_text(value))
		g_ptr_array_add(list, g_strdup(scalar_text(value)));
	for (const int *i = value->data.sequence.items.start;
	     value->type == YAML_SEQUENCE_NODE && i < value->data.sequence.items.top; i++)
		if (node(doc, *i)->type == YAML_SCALAR_NODE)
			g_ptr_array_add(list, g_strdup(scalar_text(node(doc, *i))));
	g_ptr_array_add(list, NULL);

	return (char **)g_ptr_array_free(list, FALSE);
}

static void add_list(GHashTable *out, yaml_document_t *doc, char *name, const yaml_node_t *value)
{
	g_hash_table_insert(out, name, texts_of(doc, value));
}

static const char *plain_name(const yaml_node_t *key)
{
	return scalar_text(key) + (*scalar_text(key) == ':');
}

/* What becomes of a document. */
struct taking {
	GHashTable *out;
	adder *add;
	GPtrArray *places;	/* instead of both */
};

static void add_all(GHashTable *out, yaml_document_t *doc, adder *add)
{
	const yaml_node_t *root = yaml_document_get_root_node(doc);

	if (!root || root->type != YAML_MAPPING_NODE)
		return;

	for (const yaml_node_pair_t *p = root->data.mapping.pairs.start;
	     p < root->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = node(doc, p->key);

		if (key->type == YAML_SCALAR_NODE)
			add(out, doc, g_strdup(plain_name(key)),
			    node(doc, p->value));
	}
}

static void add_place(GPtrArray *out, yaml_document_t *doc, const char *path,
		      const yaml_node_t *value)
{
	struct yaml_place *place = g_new(struct yaml_place, 1);

	*place = (struct yaml_place){ g_strdup(path), texts_of(doc, value) };
	g_ptr_array_add(out, place);
}

/* An alias may lead back to a map that it is in: DEPTH ends that. */
static void add_places(GPtrArray *out, yaml_document_t *doc, const char *prefix,
		       const yaml_node_t *map, int depth)
{
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start;
	     p < map->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = node(doc, p->key), *value = node(doc, p->value);
		g_autofree char *path = NULL;

		if (key->type != YAML_SCALAR_NODE)
			continue;
		path = g_strconcat(prefix, *prefix ? "/" : "", plain_name(key), NULL);
		if (value->type != YAML_MAPPING_NODE)
			add_place(out, doc, path, value);
		else if (depth < MAX_DEPTH)
			add_places(out, doc, path, value, depth + 1);
	}
}

static void take_document(const struct taking *t, yaml_document_t *doc)
{
	const yaml_node_t *root = yaml_document_get_root_node(doc);

	if (!t->places)
		add_all(t->out, doc, t->add);
	else if (root && root->type == YAML_MAPPING_NODE)
		add_places(t->places, doc, "", root, 1);
}

static bool load_yaml(const struct taking *taking, const char *path, GError **error)
{
	GString *text = file_read(path, MAX_FILE, error);
	yaml_document_t doc;
	yaml_parser_t parser;
	bool ok;

	if (!text)
		return false;

	if (!yaml_parser_initialize(&parser))
		g_error("no memory for a YAML parser");
	yaml_parser_set_input_string(&parser, (const guchar *)text->str, text->len);
	ok = yaml_parser_load(&parser, &doc);
	if (ok) {
		take_document(taking, &doc);
		yaml_document_delete(&doc);
	} else {
		vmm_fail(error, VMM_ERROR_CONFIG, "%s:%zu: %s", path,
			 parser.problem_mark.line + 1, parser.problem);
	}

	yaml_parser_delete(&parser);
	g_string_free(text, TRUE);

	return ok;
}

static GHashTable *read_with(const char *path, adder *add, GDestroyNotify free_value,
			     GError **error)
{
	g_autoptr(GHashTable) out = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
							  free_value);

	const struct taking taking = { .out = out, .add = add };

	if (!load_yaml(&taking, path, error))
		return NULL;

	return g_steal_pointer(&out);
}

GHashTable *yaml_pairs_read(const char *path, GError **error)
{
	return read_with(path, add_pair, g_free, error);
}

GHashTable *yaml_lists_read(const char *path, GError **error)
{
	return read_with(path, add_list, (GDestroyNotify)g_strfreev, error);
}

static void place_free(void *data)
{
	struct yaml_place *place = data;

	g_free(place->path);
	g_strfreev(place->values);
	g_free(place);
}

GPtrArray *yaml_places_read(const char *path, GError **error)
{
	g_autoptr(GPtrArray) places = g_ptr_array_new_with_free_func(place_free);
	const struct taking taking = { .places = places };

	if (!load_yaml(&taking, path, error))
		return NULL;

	return g_steal_pointer(&places);
}
