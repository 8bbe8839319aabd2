/* command.h - one command of a step, here or on a host, and what became of it. */
#ifndef ONE_VMM_EXEC_COMMAND_H
#define ONE_VMM_EXEC_COMMAND_H

#include "transport/remote.h"

struct run_spec {
	struct remote_spec command;
	bool here;		/* on the front-end; command.host is then not used */
	bool works_here;	/* and not only waits for another host: option -t counts it */
	int nice;		/* of one that runs here */
	bool tells_unknown;	/* one of ours: exit status 3 is "outcome unknown" */
};

enum run_outcome {
	RUN_DONE,
	RUN_FAILED,		/* it was certainly not done, or the script says so */
	RUN_UNKNOWN,		/* it may have been done */
};

struct run_result {
	enum run_outcome outcome;
	int status;		/* exit status, or -1 */
	bool cancelled, timed_out;
	bool not_started;	/* certainly: nothing was done at all */
	const char *out, *err;
	const char *cause;	/* what we know besides ERR, or NULL */
	gint64 wall_us;
};

typedef struct run Run;

/* Called once, from the loop. RESULT lives until it returns. */
typedef void run_done(void *data, const struct run_result *result);

/* Starts SPEC (copied). Never fails at once: what goes wrong is in the result. */
Run *run_start(Hosts *hosts, const struct run_spec *spec, run_done *done, void *data);

/* The process here that it is, or is reached through; 0: there is none of its own. */
int run_pid(const Run *run);

/* Ends it, here and on the host; DONE follows. */
void run_cancel(Run *run);

#endif
