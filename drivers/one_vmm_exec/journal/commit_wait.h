/* SPDX-License-Identifier: Apache-2.0 */
/* commit_wait.h - replies and steps that wait until what was said of them is on disk. */
#ifndef ONE_VMM_EXEC_COMMIT_WAIT_H
#define ONE_VMM_EXEC_COMMIT_WAIT_H

#include "journal/journal.h"

/* All zero: nobody waits. */
struct commit_wait {
	GQueue queue;		/* in the order of their generations */
	guint64 waits;		/* that have ended */
	double wait_s, longest_s;
};

/* KEPT(DATA) follows once GENERATION is written; it is not less than those before. */
void commit_wait_add(struct commit_wait *w, guint64 generation, journal_kept *kept, void *data);

/* The disk has all up to WRITTEN. What is called may add and remove others. */
void commit_wait_tell(struct commit_wait *w, guint64 written);

/* Those with DATA no longer wait. */
void commit_wait_remove(struct commit_wait *w, const void *data);

void commit_wait_clear(struct commit_wait *w);

#endif
