/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/oned_parts.h"

static xmlNode *first_element(const xmlNode *node)
{
	return xmlFirstElementChild((xmlNode *)node);
}

static bool same_attributes(const xmlNode *a, const xmlNode *b)
{
	guint n = 0;

	for (const xmlAttr *x = a->properties; x; x = x->next, n++) {
		g_autofree char *value = xml_attribute(a, (const char *)x->name);

		if (!xml_has(b, (const char *)x->name, value))
			return false;
	}

	for (const xmlAttr *x = b->properties; x; x = x->next)
		n--;

	return n == 0;
}

/* By meaning: comments and white space between elements do not count. */
static bool is_equal(const xmlNode *a, const xmlNode *b)
{
	g_autofree char *x = NULL, *y = NULL;
	const xmlNode *m = first_element(a), *n = first_element(b);

	if (!xmlStrEqual(a->name, b->name))
		return false;
	if (!same_attributes(a, b))
		return false;
	if (!m && !n) {
		x = g_strstrip(xml_text(a));
		y = g_strstrip(xml_text(b));

		return g_str_equal(x, y);
	}

	for (; m && n; m = xmlNextElementSibling((xmlNode *)m),
		       n = xmlNextElementSibling((xmlNode *)n))
		if (!is_equal(m, n))
			return false;

	return !m && !n;
}

/* oned puts RAW at the end, in the VM's order. */
static void remove_last_like(xmlNode *domain, const xmlNode *node)
{
	for (xmlNode *n = xmlLastElementChild(domain); n; n = xmlPreviousElementSibling(n))
		if (is_equal(n, node)) {
			xmlUnlinkNode(n);
			xmlFreeNode(n);
			return;
		}
}

static void remove_raw(xmlNode *domain, const TmplVm *vm)
{
	const TmplAttr *raw = NULL;

	while ((raw = tmpl_set_next(vm->level[TMPL_VM], "RAW", raw))) {
		const char *data = tmpl_attr_text(raw, "DATA");
		g_autoptr(xmlDoc) doc = data ? xml_parse_fragment(data, "RAW", NULL) : NULL;

		if (!doc)
			continue;
		for (const xmlNode *n = first_element(xmlDocGetRootElement(doc)); n;
		     n = xmlNextElementSibling((xmlNode *)n))
			remove_last_like(domain, n);
	}
}

static xmlNode *earlier(const xmlNode *node)
{
	xmlNode *n = node->parent->children;

	for (; n != node; n = n->next)
		if (n->type == XML_ELEMENT_NODE && xmlStrEqual(n->name, node->name) && !n->ns)
			return n;

	return NULL;
}

static void join(xmlNode *first, xmlNode *second)
{
	for (const xmlAttr *a = second->properties; a; a = a->next) {
		g_autofree char *value = xml_attribute(second, (const char *)a->name);

		if (!xmlHasProp(first, a->name))
			xmlNewProp(first, a->name, BAD_CAST value);
	}

	while (second->children) {
		xmlNode *n = second->children;

		xmlUnlinkNode(n);
		xmlAddChild(first, n);
	}

	xmlUnlinkNode(second);
	xmlFreeNode(second);
}

xmlDoc *oned_normalize(const xmlNode *oned, const TmplVm *vm)
{
	xmlDoc *doc = xmlCopyDoc(oned->doc, 1);
	xmlNode *domain = xmlDocGetRootElement(doc), *next;

	remove_raw(domain, vm);
	for (xmlNode *n = first_element(domain); n; n = next) {
		xmlNode *first = n->ns ? NULL : earlier(n);

		next = xmlNextElementSibling(n);
		/* Two texts are two words about one thing; libvirt reads no second CPU. */
		if (first && xmlStrEqual(n->name, BAD_CAST "cpu")) {
			xmlUnlinkNode(n);
			xmlFreeNode(n);
		} else if (first && (first_element(n) || first_element(first))) {
			join(first, n);
		}
	}

	return doc;
}

xmlNode *oned_find(const xmlNode *domain, const char *place)
{
	g_auto(GStrv) part = g_strsplit(place, "/", -1);
	const xmlNode *node = domain;

	for (char **p = part; *p && node; p++)
		node = xml_child(node, *p);

	return (xmlNode *)node;
}

char *oned_text(const xmlNode *domain, const char *place)
{
	g_auto(GStrv) part = g_strsplit(place, "@", 2);
	const xmlNode *node = oned_find(domain, part[0]);
	char *text;

	if (part[1])
		return xml_attribute(node, part[1]);
	text = xml_text(node);
	if (text)
		g_strstrip(text);

	return text;
}
