/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.h - one action from its request to its reply.
 *
 * The life of a job:
 *   job_new()      the request was read; job_set_…() say more about it
 *   job_start()    its turn has come: checks the request and runs the plan
 *   events.begun   something of the plan has run
 *   events.over    it has run; its result goes to the journal
 *   events.done    its result is on disk, and the reply was sent: the job is freed
 * job_cancel() and job_leave() end it early; it is then freed in the same way.
 */
#ifndef ONE_VMM_EXEC_JOB_H
#define ONE_VMM_EXEC_JOB_H

#include "transport/remote.h"
#include "journal/journal.h"
#include "cleanup_retry.h"
#include "driver_metrics.h"
#include "oned_output.h"
#include "local_slots.h"
#include "plan.h"
#include "driver_settings.h"

/* What all jobs share; borrowed by each. */
struct job_env {
	const struct driver_settings *settings;
	RemoteHosts *hosts;
	LocalSlots *places; /* of commands that work on the front-end */
	OnedOutput *out;
	CleanupRetry *later;
	Journal *journal;		/* or NULL */
	DriverMetrics *metrics;
};

typedef struct job Job;

struct job_events {
	/*
	 * It has begun to change its VM, for which an older clean-up is void now (plan.h). Called
	 * before OVER, or never.
	 */
	void (*begun)(void *data, Job *job);
	/* It has run: the next job of its VM and host may begin. Called once, before DONE. */
	void (*over)(void *data, Job *job);
	/* Its reply was sent: JOB is freed when this returns. Called once. */
	void (*done)(void *data, Job *job);
};

/*
 * DOCUMENT (a reference is kept): the request, PACKED by deflate_pack() or not; NULL: it is lost.
 * HOST (copied): where its VM is, or NULL.
 */
Job *job_new(const struct job_env *env, const struct plan *plan, gint64 id, const char *host,
	     GBytes *document, bool packed);

/*
 * A background job is that CLEANUP: it logs its result and sends no reply. If it fails, and tries
 * are left, it is tried again.
 */
void job_set_background(Job *job, const struct cleanup *cleanup);

/* It is request SEQ of the journal; 0: of none. */
void job_set_seq(Job *job, guint64 seq);
guint64 job_seq(const Job *job);

/* UUID (copied) marks the domain that its deploy makes. */
void job_set_deployment(Job *job, const char *uuid);

/*
 * The job is what an earlier driver left as ROW. job_start() then
 *   - asks the host for the outcome of the step that was in progress, and continues from there;
 *   - replies FAILURE to a request that had not started;
 *   - repeats the reply to a request that had ended.
 */
void job_set_left(Job *job, const struct row *row);

/* Frees a job that was not started: the next driver answers; without a journal this one does. */
void job_leave_waiting(Job *job);

/* Frees a job that was not started, and removes it from the journal: nobody runs or answers it. */
void job_drop(Job *job);

/* Whether what an earlier driver ran of a job that was not started may still be at work. */
bool job_is_left_at_work(const Job *job);

/* DRIVER_CANCEL for such a job: it stays in the queue, and job_start() only ends it. */
void job_cancel_left(Job *job);

/* Runs the plan. EVENTS (borrowed) may be called before this returns. */
void job_start(Job *job, const struct job_events *events, void *data);

/* Whether DRIVER_CANCEL can mean the job: oned asked for it, and has not cancelled it yet. */
bool job_is_cancellable(const Job *job);

/* Ends what runs, here and on the host. There will be no reply, and nothing is undone. */
void job_cancel(Job *job);

/*
 * As job_cancel(), but the next driver replies to oned; without a journal this one replies before
 * it ends.
 */
void job_leave(Job *job);

/*
 * The document of JOB if an earlier driver had begun it: clean-ups that JOB itself has left have
 * the same document. NULL: JOB is new. The caller unrefs.
 */
GBytes *job_left_document(const Job *job);

/*
 * Whether JOB, which was not started, is a clean-up of another request than the one with document
 * OWN.
 */
bool job_is_cleanup_of_other(const Job *job, const GBytes *own);

/* Frees a background job that was not started: it is not tried again. */
void job_drop_cleanup(Job *job);

/* Likewise, as no driver was running for long. */
void job_give_cleanup_up(Job *job);

/*
 * No driver was running for long while JOB was in the queue or had begun: what runs of it may end,
 * and nothing more is begun, run again or undone (job_stale.h).
 */
void job_make_stale(Job *job);

/* Whether its reply only waits for the journal. */
bool job_has_ended(const Job *job);

/* Whether its first command begins as soon as the journal has the step. */
bool job_is_about_to_run(const Job *job);

/* Bytes of its document, as it keeps it until it starts. */
gsize job_size(const Job *job);

/* The number of its VM, its host (NULL: none) and its action. Borrowed. */
gint64 job_id(const Job *job);
const char *job_host(const Job *job);
const char *job_action(const Job *job);

#endif
