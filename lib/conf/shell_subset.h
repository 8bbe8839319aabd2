/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_subset.h - what rc.c keeps of a file, and the parser of its plain part: a
 * subset of the shell's language that needs no shell.
 *
 * Source: docs/facts/kvmrc.md 2.
 */
#ifndef CONF_SHELL_SUBSET_H
#define CONF_SHELL_SUBSET_H

#include <glib.h>
#include <stdbool.h>

struct rc_var {
	char *value;	/* NULL: not assigned */
	bool exported;
	bool unset;	/* taken out of the environment */
};

struct rc_text {
	GHashTable *vars;		/* char * to struct rc_var */
	GPtrArray *faults;		/* "FILE:LINE:COLUMN: unterminated quote 'TOKEN…'" */
	GPtrArray *instructions;	/* "FILE:LINE:COLUMN: instruction 'TOKEN…'" */
};

void shell_text_init(struct rc_text *text);
void shell_text_clear(struct rc_text *text);

/*
 * Reads LEN bytes at SOURCE, called NAME in messages, into TEXT, whose older
 * assignments and then the environment are what $NAME means. An instruction is
 * noted and skipped, an if, loop, case or function as a whole; after a fault
 * of syntax the rest is not read.
 */
void shell_subset_parse(struct rc_text *text, const char *name, const char *source, size_t len);

#endif
