/* progress.h - how far a long job is: each second on a terminal, else a line every ten. */
#ifndef ACTION_PROGRESS_H
#define ACTION_PROGRESS_H

#include "virt/job.h"

struct progress {
	const char *what;	/* "migrating one-5" */
	gint64 told_us;
};

/* For struct virt_job and struct virt_move; DATA is a struct progress. */
void progress_tell(void *data, const struct virt_progress *progress);

/* Ends the terminal's line, if there is one. */
void progress_end(const struct progress *p);

#endif
