/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_state.h - what the three files of a job share: job.c (how it begins and ends), job_walk.c
 * (one step after the other) and job_loss.c (what has become of a step whose end was not heard).
 */
#ifndef ONE_VMM_EXEC_JOB_STATE_H
#define ONE_VMM_EXEC_JOB_STATE_H

#include "job.h"
#include "step.h"
#include "step_command.h"

/* What a driver before us had done of a job that was left. */
enum start {
	START_NEW,		/* nothing: it is ours */
	START_RESUMED,		/* a step had begun */
	START_NOT_BEGUN,	/* it waited: it is answered, and not run */
	START_ENDED,		/* its reply was made, and oned has perhaps not read it */
};

enum job_phase {
	JOB_RUNNING,		/* the action's own plan */
	JOB_UNDOING,		/* a plan that takes it back */
	JOB_ENDED,		/* the reply waits for the journal */
};

/* Of the step that the job is at; cleared when the next one begins. */
struct attempt {
	bool had_failure;	/* a command failed, and the step continues */
	bool repeated;		/* it was run again because its outcome was unknown */
	bool noted;		/* the journal has this step */
	bool absence_asked;	/* of its host, whether the VM runs there */
	bool may_rerun;		/* if the host says that it was not done */
	bool said_unknown;	/* the action itself says so, after it had waited */
};

struct job {
	const struct job_env *env;
	gint64 id;
	char *host;
	GBytes *document;		/* until it starts */
	bool packed;			/* and deflated */
	const struct job_events *events;
	void *data;
	bool over;			/* the end of OVER was reported */

	const struct plan *plan;
	struct step_context context;
	TmplRequest *request;
	size_t step;			/* of the plan */
	GPtrArray *commands;		/* of the step; NULL between steps */
	guint command;			/* of the commands */
	gint64 received_us;             /* when it came */
	gint64 step_us;			/* when the step began */
	Command *run;                   /* the command that runs */
	bool placed;			/* it works here, and has a place for that */
	guint retry;			/* source id of one that will run again */
	unsigned retries;		/* left */
	unsigned tries;			/* left, of one that is silent */
	guint64 seq;			/* in the journal */
	enum start start;
	bool success;			/* of START_ENDED */
	enum job_phase phase;
	struct attempt attempt;
	bool cancelled;
	bool background;		/* its result is logged, and not replied */
	bool left;			/* cancelled, and the next driver answers */
	bool keeping;			/* it waits for the journal before a command runs */
	bool unknown;			/* the outcome of the failed step is unknown */
	GPtrArray *question;		/* the command that asks the step's host; NULL: none is */
	enum question asked;
	bool host_answered;		/* a question: its actions are ours */
	char *lost;			/* why the outcome of the step is unknown */
	gint64 wait_until_us;		/* how long its host is waited for; 0: it is not */
	gint64 libvirt_until_us;	/* likewise for libvirt there */
	unsigned pause_ms;
	char *why;			/* the first failure; NULL: success so far */
	char *info;			/* of the reply to a success */
	char *prefix;			/* of any reply, or NULL */
};

/* The step that the job is at. */
const struct step *job_current(const Job *job);

/* The first failure is why the action fails. */
void job_fail(Job *job, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* job.c: it has come to its end, and replies once the journal has that. JOB may be freed. */
void job_end(Job *job);

/* job_walk.c: runs what is due, perhaps to the end. JOB may be freed, as by all that follows. */
void job_advance(Job *job);
gboolean job_on_retry(gpointer job);

/* job_walk.c: the step that the job is at begins. False: the job is to end. */
bool job_begin_step(Job *job);
void job_next_step(Job *job);

/* job_walk.c: the command M of the step printed OUT. */
void job_keep_output(Job *job, const struct step_command *m, const char *out);

/*
 * job_walk.c: what deploy printed is the name under which the VM is known from now on, what
 * snapshot_create printed that of the snapshot. False: it is no usable one.
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

/* job_loss.c: WHY nobody knows what has become of the step; MAY_RERUN: nothing else forbids that.
 */
void job_find_out(Job *job, const char *why, bool may_rerun);
void job_ask(Job *job, enum question what);
void job_forget_loss(Job *job);

/* job_loss.c: whether the step's host is still waited for; the time begins with the first call. */
bool job_still_waits(Job *job);
void job_pause_and(Job *job, GSourceFunc then);
void job_give_up(Job *job);

#endif
