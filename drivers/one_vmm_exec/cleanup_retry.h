/* cleanup_retry.h - clean-ups that failed: tried again, until something else is asked for their VM. */
#ifndef ONE_VMM_EXEC_CLEANUP_RETRY_H
#define ONE_VMM_EXEC_CLEANUP_RETRY_H

#include <glib.h>

typedef struct later Later;

/* It is time for PLAN for VM ID of DOCUMENT; TRIES are left after it. */
typedef void later_due(void *data, const char *plan, gint64 id, GBytes *document, unsigned tries);

/* The first try comes after PAUSE_S seconds, each further one after twice as long. */
Later *later_new(unsigned pause_s, unsigned tries, later_due *due, void *data);
void later_free(Later *later);

/* Keeps PLAN (copied); TRIES were left of it, or G_MAXUINT: it is new. */
void later_add(Later *later, const char *plan, gint64 id, GBytes *document, unsigned tries);

/* VM ID has other things to do: what is kept for it might undo them. */
void later_forget(Later *later, gint64 id);

#endif
