/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oned_line.h - the lines that oned and a driver exchange.
 *
 * Source: docs/facts/protocol.md 3.
 */
#ifndef WIRE_ONED_LINE_H
#define WIRE_ONED_LINE_H

#include "base/error.h"

struct oned_line {
	char *action;		/* upper case */
	gint64 id;		/* of the VM; 0 when it is not a number */
	char *payload;		/* base64, verbatim, or NULL */
};

/*
 * Takes a line apart: ACTION STATUS ID PAYLOAD, where oned sends an empty
 * STATUS (two blanks) and older releases none at all. False for an empty line,
 * one that begins with a blank, or one with an action that is not a word: VMM_ERROR_INPUT.
 */
bool oned_line_parse(const char *line, struct oned_line *ret, GError **error);

void oned_line_clear(struct oned_line *line);

/* The payload of LINE, decoded. The caller unrefs; NULL: it is not base64. */
GBytes *oned_line_document(const struct oned_line *line);

#endif
