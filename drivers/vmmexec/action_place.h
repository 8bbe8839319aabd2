/* SPDX-License-Identifier: Apache-2.0 */
/* action_place.h - where the programs of the actions are: here, or on another host. */
#ifndef VMMEXEC_ACTION_PLACE_H
#define VMMEXEC_ACTION_PLACE_H

#include "cli_options.h"

struct action_place {
	const char *host;	/* NULL: here */
	char *dir;		/* with vmm/kvm/ACTION below it; owned */
	const char *ssh;	/* words that run ssh */
};

/*
 * Says where they are. Here: in --dir, else where hosts have the set, else in the front-end's
 * tree; VMM_ERROR_NOT_FOUND if in neither. On another host nothing is looked at.
 */
bool action_place_find(const struct cli_options *o, struct action_place *ret, GError **error);

/*
 * The program of ACTION. Here it must be ours or root's, and so must its directories, which nobody
 * else may write to: /var/tmp is a place where any user can make a tree of that name.
 * VMM_ERROR_PERMISSION: it is not. The caller frees.
 */
char *action_place_program(const struct action_place *place, const char *action, GError **error);

#endif
