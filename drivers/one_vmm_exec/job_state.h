/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_state.h - shared by the three files of a job: job.c (begins and ends it), job_walk.c (runs
 * one step after the other) and job_loss.c (finds out what became of a step whose result was lost).
 */
#ifndef ONE_VMM_EXEC_JOB_STATE_H
#define ONE_VMM_EXEC_JOB_STATE_H

#include "job.h"
#include "step.h"
#include "step_command.h"

/* How far an earlier driver had come with the job. */
enum start {
	START_NEW,		/* there was none: the request came to this driver */
	START_RESUMED,		/* a step had begun */
	START_NOT_BEGUN,	/* it waited: it is answered, not run */
	START_ENDED,		/* it had a reply, which oned may not have read */
};

enum job_phase {
	JOB_RUNNING,		/* the action's own plan */
	JOB_UNDOING,		/* a plan that undoes it */
	JOB_ENDED,		/* the reply waits for the journal */
};

/* Of the step that the job is at; cleared when the next one begins. */
struct attempt {
	bool had_failure;	/* a command failed, and the step continues */
	bool repeated;		/* its command was run again because its outcome was unknown */
	bool interrupted;	/* one of its commands was: what was asked for may be long ago */
	bool resumed;		/* an earlier driver had begun it */
	bool noted;		/* the journal has this step */
	bool absent;		/* its host said just now that the VM does not run there */
	bool may_rerun;		/* it may be run again if the host says that it was not done */
	bool said_unknown;	/* the action itself reported that, after waiting for libvirt */
};

struct job {
	const struct job_env *env;
	gint64 id;
	char *host;
	GBytes *document;		/* until it starts */
	bool packed;			/* and deflated */
	const struct job_events *events;
	void *data;
	bool begun, over;		/* that event was reported */

	const struct plan *plan;
	struct step_context context;
	TmplRequest *request;
	size_t step;			/* of the plan */
	GPtrArray *commands;		/* of the step; NULL between steps */
	guint command;			/* of the commands */
	gint64 received_us;		/* when the request came */
	gint64 step_us;			/* when the step began */
	Command *run;			/* the command that runs */
	bool placed;			/* it works on the front-end, and has a slot for that */
	guint retry;			/* source id: the command runs again when it fires */
	unsigned retries;		/* left */
	guint64 seq;			/* in the journal; 0 of a background job */
	unsigned tries;			/* left, of a background job */
	guint64 cleanup_seq;		/* of a background job: in the journal */
	enum start start;
	bool success;			/* of START_ENDED */
	bool stale;			/* see job_stale.h */
	bool ran;			/* a command of it was started by this driver */
	enum job_phase phase;
	struct attempt attempt;
	bool cancelled;
	bool background;		/* its result is logged, no reply is sent */
	bool left;			/* cancelled; the next driver answers */
	bool keeping;			/* waits for the journal before a command runs */
	bool unknown;			/* the outcome of the failed step is unknown */
	GPtrArray *question;		/* the command that asks the step's host; NULL: none is */
	enum question asked;
	bool host_answered;		/* a question: so it has our programs */
	char *lost;			/* why the outcome of the step is unknown */
	gint64 wait_until_us;		/* deadline for its host to answer; 0: not waiting */
	bool stays_away;		/* a host was waited for in vain: none is any more */
	gint64 libvirt_until_us;	/* likewise for the libvirt of that host */
	unsigned pause_ms;
	char *why;			/* the first failure; NULL: success so far */
	char *info;			/* of the reply to a success */
	char *prefix;			/* of any reply, or NULL */
};

/* The number of its row in the journal; 0: it has none. */
guint64 job_row(const Job *job);

/* The step that the job is at. */
const struct step *job_current(const Job *job);

/* The first failure is why the action fails. */
void job_fail(Job *job, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* job_walk.c: adds to why the action has failed. */
void job_add_to_why(Job *job, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* job.c: something of the job has run, or may have. */
void job_begun(Job *job);

/* job.c: ends the job, which replies once the journal has that. JOB may be freed. */
void job_end(Job *job);

/* job_walk.c: continues the job, perhaps to its end. JOB may be freed, as by all that follows. */
void job_advance(Job *job);
gboolean job_on_retry(gpointer job);

/* job_walk.c: begins the current step. False: the caller must end the job. */
bool job_begin_step(Job *job);
void job_next_step(Job *job);

/* job_walk.c: gives up the slot on the front-end, if the job has one. */
void job_leave_place(Job *job);

/* job_walk.c: the command M of the step printed OUT. */
void job_keep_output(Job *job, const struct step_command *m, const char *out);

/*
 * job_walk.c: takes the id that deploy (of the VM) or snapshot_create (of the snapshot) printed.
 * False: it is not a valid one.
 */
bool job_take_id(Job *job);

/* How a step has failed. */
enum failure {
	FAILURE_UNTOUCHED,	/* it was certainly not begun: it leaves nothing to undo */
	FAILURE_NOT_DONE,	/* it was begun, or may have been, and was not done */
	FAILURE_UNKNOWN,	/* it may have been done */
};

/* job_walk.c: the command has failed because of WHY. */
void job_command_failed(Job *job, enum failure failure, const char *why);

/*
 * job_loss.c: finds out what became of the step, whose result was lost because of WHY.
 * IS_REPEATABLE: it may be run again if it is idempotent.
 */
void job_find_out(Job *job, const char *why, bool is_repeatable);
void job_ask(Job *job, enum question what);
void job_forget_loss(Job *job);

/* job_loss.c: whether to go on waiting for the step's host; the first call starts the time. */
bool job_still_waits(Job *job);
void job_pause_and(Job *job, GSourceFunc then);
void job_give_up(Job *job);

#endif
