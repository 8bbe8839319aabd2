/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/xml.h"

#include <libxml/parser.h>
#include <libxml/xmlsave.h>

/* libxml2 2.12 made the error constant. */
#if LIBXML_VERSION >= 21200
void xml_quiet(void *data G_GNUC_UNUSED, const xmlError *error G_GNUC_UNUSED)
#else
void xml_quiet(void *data G_GNUC_UNUSED, xmlErrorPtr error G_GNUC_UNUSED)
#endif
{
}

static void fail_from_parser(const char *name, int lines_before, GError **error)
{
	const xmlError *cause = xmlGetLastError();
	g_autofree char *reason = NULL;

	if (!cause || !cause->message) {
		vmm_fail(error, VMM_ERROR_INPUT, "%s: not XML", name);
		return;
	}

	reason = g_strdelimit(g_strchomp(g_strdup(cause->message)), "\r\n", ' ');
	vmm_fail(error, VMM_ERROR_INPUT, "%s:%d:%d: %s", name,
		 cause->line - lines_before, cause->int2, reason);
}

/* TEXT begins with LINES_BEFORE lines of ours. */
static xmlDoc *parse_document(const char *text, size_t len, const char *name, int lines_before,
			      int flags, GError **error)
{
	g_autoptr(xmlDoc) doc = NULL;

	if (len > G_MAXINT) {
		vmm_fail(error, VMM_ERROR_INPUT, "%s: %zu bytes are too long", name, len);
		return NULL;
	}

	/* XML_PARSE_NOERROR alone still prints encoding errors. */
	xmlSetStructuredErrorFunc(NULL, xml_quiet);
	xmlResetLastError();
	doc = xmlReadMemory(text, (int)len, NULL, NULL,
			    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
			    XML_PARSE_COMPACT | flags);
	if (!doc) {
		fail_from_parser(name, lines_before, error);
		return NULL;
	}

	if (doc->intSubset) {
		vmm_fail(error, VMM_ERROR_INPUT, "%s: has a document type declaration", name);
		return NULL;
	}

	return g_steal_pointer(&doc);
}

xmlDoc *xml_parse(const char *text, size_t len, const char *name, GError **error)
{
	return parse_document(text, len, name, 0, 0, error);
}

xmlDoc *xml_parse_fragment(const char *text, const char *name, GError **error)
{
	g_autofree char *wrapped = g_strconcat("<fragment xmlns:qemu='" TMPL_XML_NS_QEMU "'>\n",
					       text, "</fragment>", NULL);

	return parse_document(wrapped, strlen(wrapped), name, 1, XML_PARSE_NOBLANKS, error);
}

xmlNode *xml_child(const xmlNode *parent, const char *name)
{
	if (!parent)
		return NULL;

	for (xmlNode *n = parent->children; n; n = n->next)
		if (n->type == XML_ELEMENT_NODE && xmlStrEqual(n->name, BAD_CAST name))
			return n;
	return NULL;
}

xmlNode *xml_next(const xmlNode *node)
{
	for (xmlNode *n = node->next; n; n = n->next)
		if (n->type == XML_ELEMENT_NODE && xmlStrEqual(n->name, node->name))
			return n;
	return NULL;
}

char *xml_attribute(const xmlNode *node, const char *name)
{
	g_autoptr(xmlChar) text = NULL;

	if (node)
		text = xmlGetProp(node, BAD_CAST name);

	return g_strdup((const char *)text);
}

char *xml_child_attribute(const xmlNode *parent, const char *child, const char *name)
{
	return xml_attribute(xml_child(parent, child), name);
}

bool xml_has(const xmlNode *node, const char *name, const char *value)
{
	g_autofree char *text = xml_attribute(node, name);

	if (!text)
		return false;

	return g_str_equal(text, value);
}

/* Nearly all have one text or none. */
static bool is_plain(const xmlNode *node)
{
	const xmlNode *only = node->children;

	if (node->type != XML_ELEMENT_NODE)
		return false;

	if (!only)
		return true;
	if (only->next)
		return false;

	return only->type == XML_TEXT_NODE || only->type == XML_CDATA_SECTION_NODE;
}

static char *plain_text(const xmlNode *node)
{
	const xmlNode *only = node->children;

	if (!only)
		return g_strdup("");
	if (!only->content)
		return g_strdup("");

	return g_strdup((const char *)only->content);
}

char *xml_text(const xmlNode *node)
{
	g_autoptr(xmlChar) text = NULL;

	if (!node)
		return NULL;
	if (is_plain(node))
		return plain_text(node);

	text = xmlNodeGetContent(node);
	if (!text)
		return g_strdup("");

	return g_strdup((const char *)text);
}

char *xml_child_text(const xmlNode *parent, const char *name)
{
	g_autofree char *text = xml_text(xml_child(parent, name));

	if (text && *text)
		return g_steal_pointer(&text);

	return NULL;
}

static int append(void *text, const char *bytes, int len)
{
	g_string_append_len(text, bytes, len);
	return len;
}

/* Not to an xmlBuffer: that grows by what is added, each time all of it is copied. */
char *xml_print(const xmlNode *node)
{
	GString *text = g_string_new(NULL);
	xmlSaveCtxtPtr save = xmlSaveToIO(append, NULL, text, "UTF-8",
					  XML_SAVE_NO_DECL | XML_SAVE_AS_XML);

	xmlSaveTree(save, (xmlNode *)node);
	xmlSaveClose(save);

	return g_string_free(text, FALSE);
}
