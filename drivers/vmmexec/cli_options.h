/* SPDX-License-Identifier: Apache-2.0 */
/* cli_options.h - the words of vmmexec's command line. */
#ifndef VMMEXEC_CLI_OPTIONS_H
#define VMMEXEC_CLI_OPTIONS_H

#include "base/error.h"

struct cli_options {
	gboolean help, version, json, dry_run, quiet;	/* of every command */
	char *host, *dir, *connect, *deadline, *ssh;
	gboolean names, readonly, shareable, foreign, prepare, large;	/* of some */
	char *file, *target, *format, *cache;
	char *bridge, *mac, *model;
	char *memory, *vcpus, *directory, *wait;
	char **limits;
	char **words;					/* the command and its operands */
};

/* Parses ARGV into O. The caller clears O, and frees the context with g_option_context_free(). */
GOptionContext *cli_options_context(struct cli_options *o, const char *commands);

/*
 * The index in ARGV of the first word behind FROM, the program's name or an earlier such word, that
 * is no option and no option's value; ARGC: there is none, or an option that is not known is first.
 */
int cli_options_next_word(int argc, char **argv, int from);

/* Whether option NAME, which not every command has, was given; for those that are none: false. */
bool cli_options_has(const struct cli_options *o, const char *name);

/* The name of an option that was given with an empty text; NULL: there is none. Static. */
const char *cli_options_empty(const struct cli_options *o);

/* The names of these options, ended by NULL. */
const char *const *cli_options_names(void);

void cli_options_clear(struct cli_options *o);

#endif
