/* peek.h - some texts of a document of which most is not needed: no tree is made of it. */
#ifndef XML_PEEK_H
#define XML_PEEK_H

#include "base/error.h"

/*
 * Reads LEN bytes of XML whose root is ROOT. RET[i] is the text of the root's first child called
 * NAMES[i] (NULL-terminated), as xml_child_text() has it: NULL when it is not there or empty;
 * the caller frees each. False, and all NULL: it is no such XML, has a document type
 * declaration, or may be too large or too deep for xml_parse(), which tells.
 */
bool xml_peek(const char *text, size_t len, const char *root, const char *const names[],
	      char *ret[]);

#endif
