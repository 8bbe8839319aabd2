/* recover.h - what an earlier driver left in its journal is brought to an end. */
#ifndef ONE_VMM_EXEC_RECOVER_H
#define ONE_VMM_EXEC_RECOVER_H

#include "job.h"

/* JOB shall wait for its turn. */
typedef void recover_enqueue(void *data, Job *job);

/*
 * Ends what still runs of it, here and on the hosts; then each request that had begun is resumed
 * by a job that goes to ENQUEUE(DATA), and each that had not is answered by FAILURE.
 * Returns how many there were. ENV is borrowed, until the last host was asked.
 */
guint recover_start(const struct job_env *env, recover_enqueue *enqueue, void *data);

#endif
