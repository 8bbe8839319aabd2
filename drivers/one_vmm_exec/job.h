/* job.h - one action from its request to its reply. */
#ifndef ONE_VMM_EXEC_JOB_H
#define ONE_VMM_EXEC_JOB_H

#include "hosts.h"
#include "out.h"
#include "plan.h"
#include "settings.h"

/* What all jobs share; borrowed by each. */
struct job_env {
	const struct settings *settings;
	Hosts *hosts;
	Out *out;
	/* PLAN for VM ID of DOCUMENT could not be run and shall be, later. */
	void (*later)(void *data, const char *plan, gint64 id, GBytes *document);
	void *data;			/* of later() */
};

typedef struct job Job;

/* Called once, from the loop, after the reply: JOB is freed when it returns. */
typedef void job_done(void *data, Job *job);

/*
 * DOCUMENT (a reference is kept): the request; with PACK it is deflated until
 * the job starts. LANE (copied): what it waits in.
 */
Job *job_new(const struct job_env *env, const struct plan *plan, gint64 id, const char *lane,
	     GBytes *document, bool pack);

/* It tells oned nothing but what is worth a line in the VM's log: nobody waits for it. */
void job_set_silent(Job *job);

/* Only before job_start(). */
void job_free(Job *job);

/* Runs the plan. DONE may be called before this returns. */
void job_start(Job *job, job_done *done, void *data);

/* Ends what runs, here and on the host. There will be no reply, and nothing is undone. */
void job_cancel(Job *job);

gint64 job_id(const Job *job);
const char *job_lane(const Job *job);

#endif
