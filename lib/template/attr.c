/* SPDX-License-Identifier: Apache-2.0 */
#include "template/attr.h"

#include "xml/xml.h"

TmplSet *tmpl_set_new(const char *source)
{
	TmplSet *set = g_new0(TmplSet, 1);

	set->source = g_strdup(source);
	set->attrs = g_ptr_array_new_with_free_func((GDestroyNotify)tmpl_attr_free);

	return set;
}

void tmpl_set_free(TmplSet *set)
{
	if (!set)
		return;
	g_clear_pointer(&set->source, g_free);
	g_clear_pointer(&set->attrs, g_ptr_array_unref);
	g_free(set);
}

TmplAttr *tmpl_attr_new(char *name, char *value)
{
	TmplAttr *attr = g_new0(TmplAttr, 1);

	attr->name = name;
	attr->value = value;
	if (!value)
		attr->keys = g_ptr_array_new_with_free_func((GDestroyNotify)tmpl_attr_free);

	return attr;
}

void tmpl_attr_free(TmplAttr *attr)
{
	if (!attr)
		return;

	g_clear_pointer(&attr->name, g_free);
	g_clear_pointer(&attr->value, g_free);
	g_clear_pointer(&attr->keys, g_ptr_array_unref);
	g_free(attr);
}

static TmplAttr *single_from_xml(const xmlNode *node)
{
	return tmpl_attr_new(g_ascii_strup((const char *)node->name, -1), xml_text(node));
}

static TmplAttr *attr_from_xml(const xmlNode *node)
{
	TmplAttr *vector;

	if (!xmlFirstElementChild((xmlNode *)node))
		return single_from_xml(node);

	vector = tmpl_attr_new(g_ascii_strup((const char *)node->name, -1), NULL);
	for (xmlNode *n = xmlFirstElementChild((xmlNode *)node); n; n = xmlNextElementSibling(n))
		g_ptr_array_add(vector->keys, single_from_xml(n));

	return vector;
}

TmplSet *tmpl_set_from_xml(const xmlNode *parent, const char *source)
{
	TmplSet *set = tmpl_set_new(source);

	if (!parent)
		return set;

	for (xmlNode *n = xmlFirstElementChild((xmlNode *)parent); n; n = xmlNextElementSibling(n))
		g_ptr_array_add(set->attrs, attr_from_xml(n));

	return set;
}

/* The first attribute of that kind behind PREVIOUS, which is NULL or one of ATTRS. */
static const TmplAttr *attr_find(const GPtrArray *attrs, const char *name, bool vector,
				 const TmplAttr *previous)
{
	bool behind = !previous;

	if (!attrs)
		return NULL;

	for (guint i = 0; i < attrs->len; i++) {
		const TmplAttr *attr = g_ptr_array_index(attrs, i);

		if (!behind)
			behind = attr == previous;
		else if (!attr->value == vector && !strcmp(attr->name, name))
			return attr;
	}

	return NULL;
}

const TmplAttr *tmpl_set_single(const TmplSet *set, const char *name)
{
	if (set)
		return attr_find(set->attrs, name, false, NULL);
	return NULL;
}

const TmplAttr *tmpl_set_vector(const TmplSet *set, const char *name)
{
	if (set)
		return attr_find(set->attrs, name, true, NULL);
	return NULL;
}

const TmplAttr *tmpl_set_next(const TmplSet *set, const char *name, const TmplAttr *previous)
{
	if (set)
		return attr_find(set->attrs, name, true, previous);
	return NULL;
}

const TmplAttr *tmpl_attr_key(const TmplAttr *vector, const char *key)
{
	if (vector)
		return attr_find(vector->keys, key, false, NULL);
	return NULL;
}

const char *tmpl_attr_text(const TmplAttr *vector, const char *key)
{
	const TmplAttr *attr = tmpl_attr_key(vector, key);

	if (attr && *attr->value)
		return attr->value;

	return NULL;
}
