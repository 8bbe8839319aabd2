/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup_retry.h - retries failed clean-up plans with back-off, until another action for the VM
 * arrives.
 */
#ifndef ONE_VMM_EXEC_CLEANUP_RETRY_H
#define ONE_VMM_EXEC_CLEANUP_RETRY_H

#include <glib.h>

typedef struct cleanup_retry CleanupRetry;

/* PLAN is due for VM ID, with DOCUMENT; TRIES are left after it. */
typedef void cleanup_retry_due(void *data, const char *plan, gint64 id, GBytes *document,
			       unsigned tries);

/* The first try comes after PAUSE_S seconds, each further one after twice as long. */
CleanupRetry *cleanup_retry_new(unsigned pause_s, unsigned tries, cleanup_retry_due *due,
				void *data);
void cleanup_retry_free(CleanupRetry *later);

/* Keeps PLAN (copied); TRIES were left of it, or G_MAXUINT: it is new. */
void cleanup_retry_add(CleanupRetry *later, const char *plan, gint64 id, GBytes *document,
		       unsigned tries);

/* Drops what is kept for VM ID: another action for it has arrived, which a clean-up could undo. */
void cleanup_retry_drop(CleanupRetry *later, gint64 id);

#endif
