/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h - what was asked for and how far it has come, for the next driver: however this one
 * ends, each request is answered once.
 *
 *   journal_accept()   the request is known
 *   journal_step()     a step begins                    (once for each step)
 *   journal_end()      its reply is due                 (only then is it written to oned)
 *   (the reply is written: journal_out_events)
 *   journal_forget()   oned has read it, or wants none: the request is removed
 *
 * The documents may hold secrets: the files are for their owner only. A NULL journal is fine in
 * all functions: nothing is kept then.
 */
#ifndef ONE_VMM_EXEC_JOURNAL_H
#define ONE_VMM_EXEC_JOURNAL_H

#include "oned_output.h"
#include "driver_settings.h"
#include "journal/store.h"

typedef struct journal Journal;

/* Tells in one line what became of the journal; SEVERITY as of oned_log(). */
typedef void journal_notice(void *data, char severity, const char *text);

/* ROWS (of struct row, borrowed) of an earlier driver could be read only now. */
typedef void journal_found(void *data, const GPtrArray *rows);

struct journal_events {
	journal_notice *notice;
	journal_found *found;
};

/* All that was said so far is on disk, or it is known that it cannot be. */
typedef void journal_kept(void *data);

/*
 * Opens the journal of this driver; MARK: the word that marks our sessions on hosts. NULL:
 * no journal can be used at all (all are in use, or there is no directory).
 */
Journal *journal_open(const struct driver_settings *settings, const char *mark, GError **error);

/* Writes what is not written yet, and ends. */
void journal_close(Journal *journal);

/* EVENTS (borrowed) are called from the main loop. */
void journal_listen(Journal *journal, const struct journal_events *events, void *data);

/* No driver was running for long, though this one had begun: no later one continues what it has. */
void journal_make_stale(Journal *journal);

/* A notice of what is wrong with the journal now, if anything is. */
void journal_tell_state(Journal *journal);

/* What an earlier driver left: of struct row in the order of arrival. Borrowed, or NULL. */
const GPtrArray *journal_left(const Journal *journal);

/* The marks of earlier drivers' sessions. Borrowed, or NULL. */
GPtrArray *journal_marks(const Journal *journal);

/* Whether all that was said is in the journal's own file. */
bool journal_is_safe(const Journal *journal);

/*
 * Returns the number of the request, 0 without a journal. DEPLOYMENT: of its domain, or NULL.
 * PAYLOAD is the document verbatim, in base64; DOCUMENT: as job_new() has it.
 */
guint64 journal_accept(Journal *journal, const char *action, gint64 id, const char *deployment,
		       const char *payload, GBytes *document, bool packed);

/*
 * On HOST something of ours may still run. That is no request: the next driver ends it before
 * anything of its own runs there. Returns a number for journal_forget(), 0 without a journal.
 */
guint64 journal_suspect(Journal *journal, const char *host);
void journal_step(Journal *journal, guint64 seq, const char *plan, guint step);

/* The step runs as process PID here, which was started between SINCE (notes_ticks()) and now. */
void journal_process(Journal *journal, guint64 seq, int pid, guint64 since);
void journal_reply_info(Journal *journal, guint64 seq, const char *told);

/* Nothing of it runs any more: it waits for a further try. */
void journal_postpone(Journal *journal, guint64 seq);

/* INFO: of the reply, or NULL. */
void journal_end(Journal *journal, guint64 seq, bool success, const char *info);
void journal_forget(Journal *journal, guint64 seq);

/* For oned_output_listen(), with a journal (or NULL) as its data: what becomes of the replies. */
extern const struct oned_output_events journal_out_events;

/*
 * KEPT(DATA) follows from the loop once all that was said so far is on disk. False: it is
 * already, and KEPT is not called.
 */
bool journal_wait(Journal *journal, journal_kept *kept, void *data);

/* What the journal costs, since it was opened. */
struct journal_cost {
	guint64 commits;	/* transactions, each with one sync of the disk or more */
	guint64 ends;		/* of requests: how many share a commit tells the load */
	guint64 waits;		/* of replies and of steps, for a commit */
	double wait_s, longest_s; /* all of them together; the longest */
};

struct journal_cost journal_cost_read(const Journal *journal);

/*
 * DRIVER_CANCEL came for request SEQ. That is known to the next driver even if we are killed before
 * the disk has heard that the request is done with.
 */
void journal_cancel(Journal *journal, guint64 seq);

/* Nobody waits with DATA any more. */
void journal_stop_waiting(Journal *journal, const void *data);

#endif
