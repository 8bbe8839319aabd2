/* SPDX-License-Identifier: Apache-2.0 */
/* command.h - one command of a step, here or on a host, and what became of it. */
#ifndef ONE_VMM_EXEC_COMMAND_H
#define ONE_VMM_EXEC_COMMAND_H

#include "transport/remote.h"

struct command_spec {
	struct remote_spec command;
	bool here;		/* on the front-end; command.host is then not used */
	bool works_here;	/* it does work here, not just wait for a host: -t counts it */
	int nice;		/* of one that runs here */
	bool tells_unknown;	/* one of ours: exit status 3 is "outcome unknown" */
};

typedef struct command Command;

/* Called once, from the loop. RESULT lives until it returns. */
typedef void command_done(void *data, const struct step_result *result);

/* Starts SPEC (copied). Never fails at once: what goes wrong is in the result. */
Command *command_start(RemoteHosts *hosts, const struct command_spec *spec, command_done *done,
		       void *data);

/* Its process here, or that of its ssh; 0: it has none of its own. */
int command_pid(const Command *run);

/* Ends it, here and on the host; DONE follows. */
void command_cancel(Command *run);

#endif
