/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step_result.h - what became of one command of a step.
 *
 * transport/remote.c says what the far end said, command.c what that means, and job_walk.c and
 * job_loss.c decide by it. It is theirs until their callback returns.
 */
#ifndef ONE_VMM_EXEC_STEP_RESULT_H
#define ONE_VMM_EXEC_STEP_RESULT_H

#include <stdbool.h>

enum step_outcome {
	STEP_OUTCOME_DONE,
	STEP_OUTCOME_FAILED,	/* it was certainly not done, or the script says so */
	STEP_OUTCOME_UNKNOWN,	/* it may have been done */
};

struct step_result {
	/* Of command.c. */
	enum step_outcome outcome;
	const char *cause;	/* what we know besides ERR, or NULL */

	int status;		/* exit status of the command; -1: not known */
	bool not_started;	/* certainly: nothing was done at all */
	bool foreign;		/* NOT_STARTED, as it is another user's: ERR says so */
	bool timed_out, cancelled;
	bool answered;		/* the host said what became of it, though there is no status */
	bool signalled;		/* a signal, not ours, ended it */
	const char *out, *err;	/* what it wrote, without our marks */
};

#endif
