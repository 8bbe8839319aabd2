/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_quote.h - quotes of the shell, for what reads its text and for what skips it.
 *
 * Source: POSIX, Shell Command Language, 2.2.
 */
#ifndef CONF_SHELL_QUOTE_H
#define CONF_SHELL_QUOTE_H

#include "conf/cursor.h"

enum { SHELL_MAX_DEPTH = 32 };	/* of what nests */

/* How a piece of text was read. */
enum shell_reading {
	SHELL_PLAIN,		/* assignments and words: no shell is needed */
	SHELL_INSTRUCTION,	/* only a shell can run it */
	SHELL_UNTERMINATED,	/* a quote or brace is not closed: P's FAULT says where */
};

/* Notes that what begins AT is not closed. */
enum shell_reading shell_quote_unterminated(struct shell_parser *p, const char *at);

/* At a single quote: appends what is between it and the next one to OUT, and passes both. */
enum shell_reading shell_quote_single(struct shell_parser *p, GString *out);

/* Passes the quote that closes the one at OPEN. R: how the text between them was read. */
enum shell_reading shell_quote_close(struct shell_parser *p, const char *open,
				     enum shell_reading r);

#endif
