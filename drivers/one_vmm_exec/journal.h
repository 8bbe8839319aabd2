/*
 * journal.h - what was asked for and how far it has come, in a file: after a crash the next
 * driver finds there what was at work.
 *
 * A line a record: "A SEQ TIME ACTION ID DOCUMENT" accepted, "B SEQ STEP PLAN" that step
 * begins, "P SEQ PID START" it is that process here, "T SEQ BASE64" what it told, "Z SEQ TIME HOW"
 * ended, "M MARK" the word that marks our sessions on hosts. The file holds documents, which may
 * hold secrets: only its owner reads it.
 */
#ifndef ONE_VMM_EXEC_JOURNAL_H
#define ONE_VMM_EXEC_JOURNAL_H

#include "base/error.h"

typedef struct journal Journal;

/* A request that an earlier driver did not end. */
struct journal_left {
	guint64 seq;
	gint64 accepted_s;		/* Unix time */
	char *action;
	gint64 id;
	char *document;			/* in base64 */
	char *plan;			/* of the step that had begun; NULL: none had */
	guint step;
	char *told;			/* by the step that tells the reply, or NULL */
	GArray *pids;			/* of struct journal_pid: what may still run here */
};

struct journal_pid {
	int pid;
	guint64 start;			/* of the process, so that no other is taken for it */
};

/*
 * Opens the first journal of directory DIR (made when it is not there) that no other driver
 * holds. Beyond MAX_BYTES what has ended is dropped. Errors: as errno says.
 */
Journal *journal_open(const char *dir, gsize max_bytes, GError **error);

/* NULL is fine, as in all that follows: then nothing is kept. */
void journal_close(Journal *journal);

/* What was left: of struct journal_left, in the order of arrival, and the marks of old sessions. */
GPtrArray *journal_left(Journal *journal);
GPtrArray *journal_marks(Journal *journal);

void journal_mark(Journal *journal, const char *mark);

/* Returns the number of the request; 0 without a journal. */
guint64 journal_accept(Journal *journal, const char *action, gint64 id, const char *document);
void journal_step(Journal *journal, guint64 seq, const char *plan, guint step);
void journal_pid(Journal *journal, guint64 seq, int pid);
void journal_told(Journal *journal, guint64 seq, const char *told);
void journal_end(Journal *journal, guint64 seq, const char *how);

/* Takes a journal's TEXT apart, which is changed. The caller unrefs both. */
void journal_parse(char *text, GPtrArray **ret_left, GPtrArray **ret_marks);

/* Ends the process groups of LEFT that still run here. */
void journal_kill(const struct journal_left *left);

/* Prints for people what the journals of DIR hold. */
bool journal_print(const char *dir, GError **error);

#endif
