/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/known_names.h"

#include "base/text.h"
#include "xml/xml.h"

struct known_names {
	GHashTable *texts;	/* "PLACE=TEXT", and "PLACE:" with a whole element */
};

KnownNames *known_names_new(void)
{
	KnownNames *k = g_new0(KnownNames, 1);

	k->texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	return k;
}

void known_names_free(KnownNames *k)
{
	if (!k)
		return;
	g_hash_table_unref(k->texts);
	g_free(k);
}

/* NODE as one text, whatever its indentation. */
static void flatten(GString *out, const xmlNode *node)
{
	const char *space = node->ns ? (const char *)node->ns->href : "";

	g_string_append_printf(out, "<%s %s", (const char *)node->name, text_or(space, ""));
	for (xmlAttr *a = node->properties; a; a = a->next) {
		g_autoptr(xmlChar) value = xmlNodeListGetString(node->doc, a->children, 1);

		g_string_append_printf(out, " %s='%s'", (const char *)a->name,
				       text_or((const char *)value, ""));
	}

	g_string_append_c(out, '>');
	for (const xmlNode *n = node->children; n; n = n->next) {
		g_autofree char *text = NULL;

		if (n->type == XML_ELEMENT_NODE) {
			flatten(out, n);
			continue;
		}

		text = g_strstrip(g_strdup(text_or((const char *)n->content, "")));
		g_string_append(out, text);
	}

	g_string_append(out, "</>");
}

char *known_names_node_text(const char *place, const xmlNode *node)
{
	GString *text = g_string_new(place);

	g_string_append_c(text, ':');
	flatten(text, node);

	return g_string_free(text, FALSE);
}

char *known_names_value_text(const char *place, const char *value)
{
	return g_strdup_printf("%s=%s", place, value);
}

static void add_value(const char *place, const char *value, void *data)
{
	g_hash_table_add(((KnownNames *)data)->texts, known_names_value_text(place, value));
}

static void add_node(const char *place, const xmlNode *node, void *data)
{
	g_autofree char *address = reach_remote(node, place);

	if (address)
		g_hash_table_add(((KnownNames *)data)->texts, known_names_node_text(place, node));
}

static void add_gate(const char *place, const xmlNode *node, enum reach_use use G_GNUC_UNUSED,
		     void *data)
{
	const xmlNode *source = xml_child(node, "source");
	g_autofree char *at = g_strconcat(place, "/source", NULL);
	GHashTable *texts = ((KnownNames *)data)->texts;

	g_hash_table_add(texts, known_names_node_text(place, node));
	if (source)
		g_hash_table_add(texts, known_names_node_text(at, source));
}

static void add_foreign(const xmlNode *node, bool command G_GNUC_UNUSED, void *data)
{
	g_hash_table_add(((KnownNames *)data)->texts, known_names_node_text("", node));
}

static void skip_metadata(const xmlNode *node G_GNUC_UNUSED, void *data G_GNUC_UNUSED)
{
}

void known_names_walk(const xmlNode *domain, const struct reach_visitor *visitor, void *data)
{
	struct reach_visitor all = *visitor;
	xmlNode *copy = xmlCopyNode((xmlNode *)domain, 1);

	all.metadata = skip_metadata;
	xmlNodeSetName(copy, BAD_CAST "domain");
	reach_walk("", copy, &all, data);
	xmlFreeNode(copy);
}

void known_names_add(KnownNames *k, const xmlNode *domain)
{
	static const struct reach_visitor adder = {
		.node = add_node, .value = add_value, .gate = add_gate, .foreign = add_foreign,
	};

	known_names_walk(domain, &adder, k);
}

bool known_names_has(const KnownNames *k, const char *place, const char *value)
{
	g_autofree char *text = known_names_value_text(place, value);

	return g_hash_table_contains(k->texts, text);
}

bool known_names_has_node(const KnownNames *k, const char *place, const xmlNode *node)
{
	g_autofree char *text = known_names_node_text(place, node);

	return g_hash_table_contains(k->texts, text);
}
