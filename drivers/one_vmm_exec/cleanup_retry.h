/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup_retry.h - retries failed clean-up plans with back-off, until another action for the VM
 * begins, which makes them void. The journal has them, so the next driver retries them.
 */
#ifndef ONE_VMM_EXEC_CLEANUP_RETRY_H
#define ONE_VMM_EXEC_CLEANUP_RETRY_H

#include "journal/journal.h"

typedef struct cleanup_retry CleanupRetry;

struct cleanup {
	const char *plan;
	gint64 id;		/* of the VM */
	GBytes *document;	/* of the request that it comes from */
	unsigned tries;		/* left; G_MAXUINT: it is new, or an earlier driver left it */
	guint64 seq;		/* in the journal; 0: not yet */
};

/* CLEANUP (borrowed) is due. */
typedef void cleanup_retry_due(void *data, const struct cleanup *cleanup);

/*
 * The first try comes after PAUSE_S seconds, each further one after twice as long. JOURNAL (may be
 * NULL) and OUT are borrowed.
 */
CleanupRetry *cleanup_retry_new(unsigned pause_s, unsigned tries, Journal *journal,
				OnedOutput *out, cleanup_retry_due *due, void *data);

/* What is kept stays in the journal. */
void cleanup_retry_free(CleanupRetry *later);

/*
 * Keeps CLEANUP (copied), unless no try is left of it: then it is given up. It is given up, too,
 * with a line in the VM's log, if very many are kept already.
 */
void cleanup_retry_add(CleanupRetry *later, const struct cleanup *cleanup);

/* CLEANUP, which was due, is done with. */
void cleanup_retry_done(CleanupRetry *later, const struct cleanup *cleanup);

/* Gives CLEANUP up, with a line in the VM's log: no driver was running for long. */
void cleanup_retry_give_up(CleanupRetry *later, const struct cleanup *cleanup);

/* Likewise all that are kept. */
void cleanup_retry_give_all_up(CleanupRetry *later);

/*
 * Drops what is kept for VM ID: another request of it has begun, and a clean-up could undo that.
 * OWN: the document of that request, whose own clean-ups stay; NULL: it has none yet.
 */
void cleanup_retry_drop(CleanupRetry *later, gint64 id, const GBytes *own);

#endif
