/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attr.h - a template: attributes in order, each a single (NAME = "text") or a
 * vector (NAME = [ KEY = "text", … ]), with the place where it was written.
 *
 * Source: docs/facts/deployment.md 1.2.2, 1.2.3.
 */
#ifndef TEMPLATE_ATTR_H
#define TEMPLATE_ATTR_H

#include <libxml/tree.h>

#include "base/error.h"

typedef struct tmpl_attr TmplAttr;

struct tmpl_attr {
	char *name;		/* upper case */
	char *value;		/* NULL: a vector */
	GPtrArray *keys;	/* of TmplAttr; NULL: a single */
	unsigned line, column;	/* of its name in the file; 0: came from a document */
};

typedef struct tmpl_set {
	char *source;		/* file name, or "VM 7", "host", …: for messages */
	GPtrArray *attrs;	/* of TmplAttr */
} TmplSet;

/* An empty template; SOURCE is copied. */
TmplSet *tmpl_set_new(const char *source);
void tmpl_set_free(TmplSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TmplSet, tmpl_set_free)

/* Takes NAME (its case is kept) and VALUE; VALUE NULL makes an empty vector. */
TmplAttr *tmpl_attr_new(char *name, char *value);
void tmpl_attr_free(TmplAttr *attr);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TmplAttr, tmpl_attr_free)

/*
 * The template in PARENT, an element of a document: an element with element
 * children is a vector, all others are singles. PARENT NULL: an empty one.
 */
TmplSet *tmpl_set_from_xml(const xmlNode *parent, const char *source);

/*
 * The first single or vector called NAME, NULL when there is none; SET may be
 * NULL. The result is SET's.
 */
const TmplAttr *tmpl_set_single(const TmplSet *set, const char *name);
const TmplAttr *tmpl_set_vector(const TmplSet *set, const char *name);

/* All vectors called NAME in order: start with PREVIOUS NULL, ends with NULL. */
const TmplAttr *tmpl_set_next(const TmplSet *set, const char *name, const TmplAttr *previous);

/* The first key KEY of VECTOR (which may be NULL), or NULL. */
const TmplAttr *tmpl_attr_key(const TmplAttr *vector, const char *key);

/* The text of KEY in VECTOR; NULL when it is missing or empty. Borrowed. */
const char *tmpl_attr_text(const TmplAttr *vector, const char *key);

#endif
