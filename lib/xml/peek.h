/* SPDX-License-Identifier: Apache-2.0 */
/* peek.h - reads a few texts of a large document without building a tree. */
#ifndef XML_PEEK_H
#define XML_PEEK_H

#include "base/error.h"

/*
 * Reads LEN bytes of XML whose root is ROOT. RET[i] is the text of the root's first child called
 * NAMES[i] (NULL-terminated), as xml_child_text() has it: NULL when it is absent or empty;
 * the caller frees each. Once it has all of them it reads no further, and only sees that TEXT ends
 * with the root's end tag: a document costs no more for its length. False, and all NULL: what was
 * read is not such XML, has a document type declaration, or may be too large or too deep;
 * xml_parse() reports the reason.
 */
bool xml_peek(const char *text, size_t len, const char *root, const char *const names[],
	      char *ret[]);

#endif
