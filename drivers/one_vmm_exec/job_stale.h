/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_stale.h - a job whose driver ended, or was stopped, and no driver was running for long
 * (journal.resume_s). Others may have taken care of its VM since: an administrator, or the new
 * leader of several front-ends. So its host is asked what became of the step, and that is answered;
 * nothing is begun, run again or undone, which might start a second copy of the VM or end one that
 * is wanted.
 */
#ifndef ONE_VMM_EXEC_JOB_STALE_H
#define ONE_VMM_EXEC_JOB_STALE_H

#include "job_state.h"

/* Asks the host of the current step, or ends the job. JOB may be freed, as by all that follows. */
void job_resume_stale(Job *job);

/* Ends the job, which would begin something now. */
void job_stop_stale(Job *job);

/* The host says that the current step was done: the job ends. */
void job_stale_done(Job *job);

/* The current step was not done, or that is unknown, because of WHY: the job ends. */
void job_stale_failed(Job *job, enum failure failure, const char *why);

#endif
