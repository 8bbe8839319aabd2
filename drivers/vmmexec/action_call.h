/* SPDX-License-Identifier: Apache-2.0 */
/*
 * action_call.h - runs one action, here or on another host, and reads the objects that it prints.
 *
 * SIGINT and SIGTERM are passed on to the action, which then says what has become of the VM.
 */
#ifndef VMMEXEC_ACTION_CALL_H
#define VMMEXEC_ACTION_CALL_H

#include "action_order.h"
#include "action_place.h"

struct action_answer {
	struct json_object *object;	/* what it printed at the end; owned */
	int status;			/* its exit status */
	double seconds;
};

/*
 * Runs ORDER; shows its progress and log lines on stderr. False: it gave no answer, and RET's
 * status is 1 (it certainly did not run) or 3 (the outcome is unknown). VMM_ERROR_CONNECTION: the
 * host. VMM_ERROR_NOT_FOUND: the host has no such program.
 */
bool action_call(const struct action_place *place, const ActionOrder *order,
		 const struct cli_options *o, struct action_answer *ret, GError **error);

#endif
