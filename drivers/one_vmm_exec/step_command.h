/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step_command.h - one command of a step: what runs, where, with which words, variables and input.
 *
 * Source: docs/facts/protocol.md 6.
 */
#ifndef ONE_VMM_EXEC_STEP_COMMAND_H
#define ONE_VMM_EXEC_STEP_COMMAND_H

#include "command.h"
#include "step_context.h"

struct step_command {
	char *label;			/* the network driver; NULL for other steps */
	struct command_spec spec;       /* its pointers are to what follows */
	char *path;
	char **args;
	char **env;			/* or NULL */
	char *shown;			/* ARGS as a log may have them: without secrets */
	GBytes *input;
};

void step_command_free(struct step_command *command);

/* Takes PATH, ARGS and INPUT. HERE: on the front-end. */
struct step_command *step_command_new(const struct step_context *context, const struct step *step,
				      bool here, char *path, char **args, GBytes *input);

/* Sets variable NAME of what COMMAND runs. */
void step_command_set_env(struct step_command *command, const char *name, const char *value);

/*
 * Tells COMMAND how old the request is: what it finds on its host may be of an earlier one, or may
 * have been done by this one long ago.
 */
void step_command_set_age(struct step_command *command, const struct step_context *context);

/* What INPUT is of the request. The caller unrefs; NULL: nothing. */
GBytes *step_command_input(struct step_context *context, enum step_input input);

/* False with VMM_ERROR_INPUT: NAME, which is WHAT, cannot become part of a path. */
bool step_command_check_name(const char *name, const char *what, GError **error);

/* Whether the host of STEP has transport "direct", and whether STEP can be run by it. */
bool step_command_is_direct(const struct step_context *context, const struct step *step);
bool step_command_is_far(const struct step_context *context, const struct step *step);

/* The libvirt of STEP's host when it is asked from here; NULL: by a script there. Caller frees. */
char *step_command_direct_uri(const struct step_context *context, const struct step *step);

/* ARGS (taken) behind "--connect URI" unless URI is NULL. The caller frees. */
char **step_command_connected(char **args, const char *uri);

#endif
