/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row.h - one request of the journal, as far as it has come; or a host on which something of a
 * request may still run, although that has been answered.
 */
#ifndef ONE_VMM_EXEC_ROW_H
#define ONE_VMM_EXEC_ROW_H

#include <glib.h>
#include <stdbool.h>

enum row_phase {
	ROW_WAITING,		/* its first step has not begun */
	ROW_AT_WORK,		/* step STEP of PLAN has begun */
	ROW_ENDED,		/* its reply is due, or was written and perhaps not read */
	ROW_DONE,		/* it is removed from the store */
};

/* No action has this name. */
#define ROW_SUSPECT "(host)"

struct row {
	guint64 seq;
	gint64 accepted_s;		/* Unix time */
	const char *action;		/* interned; ROW_SUSPECT: it is of a host */
	gint64 id;			/* of the VM */
	char *deployment;		/* UUID that its deploy gives the domain, or NULL; host */
	enum row_phase phase;
	char *plan;			/* of the step, or NULL */
	guint step;
	char *processes;		/* that may still run here: "PID:SINCE-UNTIL …", or NULL */
	char *told;			/* output of the step that tells the reply, or NULL */
	bool cancelled;			/* DRIVER_CANCEL came; it is in the notes, not stored */
	bool success;			/* of ROW_ENDED */
	char *reply;			/* of ROW_ENDED: its info, or NULL */
	bool packed;			/* the document, by deflate_pack() */
	bool stale;			/* no driver was running for long since: see job_stale.h */
	GBytes *document;		/* of the request; NULL: it is in the store already */
};

/* The host that ROW is of; NULL: it is a request. Borrowed. */
const char *row_suspect(const struct row *row);

/* A row is counted (g_atomic_rc_box_…): a shared row is never changed. */
struct row *row_new(void);
struct row *row_copy(const struct row *row);
struct row *row_share(struct row *row);
void row_free(void *row);

#endif
