/* SPDX-License-Identifier: Apache-2.0 */
/* recovery.h - resumes what an earlier driver left in its journal. */
#ifndef ONE_VMM_EXEC_RECOVERY_H
#define ONE_VMM_EXEC_RECOVERY_H

#include "job.h"

/* A job for ROW, with its host. NULL: it is a clean-up, kept for later; or does not exist. */
Job *recovery_job(const struct job_env *env, const struct row *row);

/* From now on the journal has the hosts on which something may still run. */
void recovery_remember(const struct job_env *env);

/* Request SEQ can be resumed: nothing of an earlier driver runs for it any more. */
typedef void recovery_ready(void *data, guint64 seq);

/*
 * Ends the processes of an earlier driver that still run for ROWS, here and on the hosts of their
 * steps. READY(DATA) follows for each row: at once, or when its host was reached or could not be.
 * ENV is borrowed until then.
 */
void recovery_start(const struct job_env *env, const GPtrArray *rows, recovery_ready *ready,
		    void *data);

#endif
