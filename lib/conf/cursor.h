/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.h - where the reader of shell text is, and what it sees there. No function
 * reads behind the end of the text, which need not end with a NUL.
 *
 * Source: POSIX, Shell Command Language, 2.2 and 2.3.
 */
#ifndef CONF_CURSOR_H
#define CONF_CURSOR_H

#include "conf/shell_subset.h"

struct shell_parser {
	struct rc_text *text;
	const char *name;
	const char *start, *p, *end;
	const char *fault;	/* where the quote or brace begins that is not closed */
	bool apply;		/* assign and expand; false: only look at the syntax */
	int depth;		/* of ${…${…}} */
	int blocks;		/* of if, case, loops and functions that we are in */
};

/* Whether C is one of SET. strchr() finds the NUL too; this does not. */
bool cursor_is_in(int c, const char *set);

/* The byte that is AHEAD, or NUL at the end. */
int cursor_peek(const struct shell_parser *p, size_t ahead);

/* The byte that is AHEAD is one of SET, or the text ends there. */
bool cursor_ends_at(const struct shell_parser *p, size_t ahead, const char *set);

/*
 * At the end of the text, or at one of ENDS. Unlike cursor_ends_at(), this lets a NUL
 * byte of the file pass: the reader of words reports it.
 */
bool cursor_is_over(const struct shell_parser *p, const char *ends);

bool cursor_at_pair(const struct shell_parser *p, char first, char second);

/* At a backslash before a newline: the shell joins the lines before it looks at anything else. */
bool cursor_at_joined_line(const struct shell_parser *p);

/* A backslash takes the next byte with it, whatever that is. Not at the end of the text. */
void cursor_skip_byte(struct shell_parser *p);

/* The length of the variable's name that begins here; 0: none does. */
size_t cursor_name_length(const struct shell_parser *p);

/* Skips blanks, joined lines and a comment. */
void cursor_skip_blanks(struct shell_parser *p);

/* At the end of a statement: a newline, a ';' or the end of the text. */
bool cursor_at_end(const struct shell_parser *p);

/* At TEXT as a whole word. */
bool cursor_at_word(const struct shell_parser *p, const char *text);

/* Adds "FILE:LINE:COLUMN: WHAT 'TOKEN…'" to LIST, for the text at AT. */
void cursor_note(const struct shell_parser *p, GPtrArray *list, const char *what, const char *at);

#endif
