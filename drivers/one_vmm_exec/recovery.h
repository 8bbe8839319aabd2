/* SPDX-License-Identifier: Apache-2.0 */
/* recovery.h - what an earlier driver left in its journal is brought to an end. */
#ifndef ONE_VMM_EXEC_RECOVERY_H
#define ONE_VMM_EXEC_RECOVERY_H

#include "job.h"

/* A job for ROW, with its host. NULL: ROW is of no action that there is. */
Job *recovery_job(const struct job_env *env, const struct row *row);

/* Request SEQ may go on: nothing of an earlier driver runs for it any more. */
typedef void recovery_ready(void *data, guint64 seq);

/*
 * Ends what an earlier driver still runs here for ROWS, and on the hosts that their steps are
 * about; READY(DATA) follows for each of them, at once or when its host was reached or could not
 * be. ENV is borrowed until then.
 */
void recovery_start(const struct job_env *env, const GPtrArray *rows, recovery_ready *ready,
		    void *data);

#endif
