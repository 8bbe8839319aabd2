/* SPDX-License-Identifier: Apache-2.0 */
/* xml.h - libxml2 without its traps: silent, no network, no DTD, GError. */
#ifndef XML_XML_H
#define XML_XML_H

#include <libxml/tree.h>
#include <libxml/xmlerror.h>

#include "base/error.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlChar, xmlFree)

/*
 * Parses LEN bytes of XML that came from outside. A document type declaration
 * is refused, so no entity is ever expanded. Errors: VMM_ERROR_INPUT
 * "NAME:LINE:COLUMN: reason". The caller frees with xmlFreeDoc().
 */
xmlDoc *xml_parse(const char *text, size_t len, const char *name, GError **error);

/*
 * As xml_parse() of XML that may be any number of elements, in which the
 * prefix "qemu" is bound to TMPL_XML_NS_QEMU; the root of the result holds them,
 * white space between elements is gone.
 */
xmlDoc *xml_parse_fragment(const char *text, const char *name, GError **error);

/* For libxml2: prints nothing. libxml2 2.12 made the error constant. */
#if LIBXML_VERSION >= 21200
void xml_quiet(void *data, const xmlError *error);
#else
void xml_quiet(void *data, xmlErrorPtr error);
#endif

#define TMPL_XML_NS_QEMU "http://libvirt.org/schemas/domain/qemu/1.0"

/* The first child element called NAME; NULL when PARENT is NULL or has none. */
xmlNode *xml_child(const xmlNode *parent, const char *name);

/* The next sibling of that name: with xml_child(), all children called so. */
xmlNode *xml_next(const xmlNode *node);

/* Attribute NAME of NODE; NULL when it or NODE is not there. The caller frees with g_free(). */
char *xml_attribute(const xmlNode *node, const char *name);

/* As xml_attribute() of the first child element called CHILD. */
char *xml_child_attribute(const xmlNode *parent, const char *child, const char *name);

/* Whether NODE has attribute NAME and that is VALUE. */
bool xml_has(const xmlNode *node, const char *name, const char *value);

/* The text of NODE with all below it, entities and CDATA decoded; NULL for NULL. Caller frees. */
char *xml_text(const xmlNode *node);

/* As xml_text() of the child called NAME, but NULL also when it is empty. */
char *xml_child_text(const xmlNode *parent, const char *name);

/* NODE and all below it as UTF-8 text without an XML declaration. The caller frees. */
char *xml_print(const xmlNode *node);

#endif
