/* progress.h - how far a long job is: a line on a terminal, else a log line now and then. */
#ifndef ACTION_PROGRESS_H
#define ACTION_PROGRESS_H

#include "action/action.h"
#include "virt/job.h"

/*
 * A job of DOM with this action's deadline, its signals and its progress; FUNC may take
 * all the time that is left. The deadline and signals abort it from now on.
 */
struct virt_job progress_job(const struct action_ctx *ctx, virDomain *dom);

/* "42 %, 1.2 of 2.9 GB, 110.5 MB/s, 12 s"; what is unknown is left out. The caller frees. */
char *progress_text(const struct virt_progress *progress);

#endif
