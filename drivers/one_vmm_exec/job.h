/* job.h - one action from its request to its reply. */
#ifndef ONE_VMM_EXEC_JOB_H
#define ONE_VMM_EXEC_JOB_H

#include "hosts.h"
#include "journal.h"
#include "later.h"
#include "metrics.h"
#include "out.h"
#include "places.h"
#include "plan.h"
#include "settings.h"

/* What all jobs share; borrowed by each. */
struct job_env {
	const struct settings *settings;
	Hosts *hosts;
	Places *places;			/* of what works here */
	Out *out;
	Later *later;
	Journal *journal;		/* or NULL */
	Metrics *metrics;
};

typedef struct job Job;

/* Called once, from the loop, after the reply: JOB is freed when it returns. */
typedef void job_done(void *data, Job *job);

/*
 * DOCUMENT (a reference is kept): the request; with PACK it is deflated until
 * the job starts. HOST (copied): where its VM is, or NULL.
 */
Job *job_new(const struct job_env *env, const struct plan *plan, gint64 id, const char *host,
	     GBytes *document, bool pack);

/*
 * It tells oned nothing but what is worth a line in the VM's log: nobody waits for it. When it
 * fails TRIES are left.
 */
void job_set_silent(Job *job, unsigned tries);

/* It is request SEQ of the journal. */
void job_set_seq(Job *job, guint64 seq);

/*
 * It was at step STEP of plan AT when an earlier driver ended: job_start() runs that step again if
 * it may, else it takes back what may be half done. TOLD: what its reply would have told, or NULL.
 */
void job_set_resumed(Job *job, const struct plan *at, guint step, const char *told);

/* Only before job_start(). */
void job_free(Job *job);

/* As job_free() of one that shall not be run, and has an end in the journal. */
void job_drop(Job *job);

/* Runs the plan. DONE may be called before this returns. */
void job_start(Job *job, job_done *done, void *data);

/* Ends what runs, here and on the host. There will be no reply, and nothing is undone. */
void job_cancel(Job *job);

/* Bytes of its document, as it keeps it until it starts. */
gsize job_size(const Job *job);

gint64 job_id(const Job *job);
const char *job_host(const Job *job);
const char *job_action(const Job *job);

#endif
