/*
 * journal.h - what was asked for and how far it has come, in a file: after a crash the next
 * driver finds there what was at work. The file holds documents, which may hold secrets: only its
 * owner reads it. Its lines are those of wire/journal.h.
 */
#ifndef ONE_VMM_EXEC_JOURNAL_H
#define ONE_VMM_EXEC_JOURNAL_H

#include "wire/journal.h"

typedef struct journal Journal;

/*
 * Opens the first journal of directory DIR (made when it is not there) that no other driver
 * holds. Beyond MAX_BYTES what has ended is dropped. Errors: as errno says.
 */
Journal *journal_open(const char *dir, gsize max_bytes, GError **error);

/* NULL is fine, as in all that follows: then nothing is kept. */
void journal_close(Journal *journal);

/* What was left: of struct wire_left, in the order of arrival, and the marks of old sessions. */
GPtrArray *journal_left(Journal *journal);
GPtrArray *journal_marks(Journal *journal);

void journal_mark(Journal *journal, const char *mark);

/* Returns the number of the request; 0 without a journal. */
guint64 journal_accept(Journal *journal, const char *action, gint64 id, const char *document);
void journal_step(Journal *journal, guint64 seq, const char *plan, guint step);
void journal_pid(Journal *journal, guint64 seq, int pid);
void journal_told(Journal *journal, guint64 seq, const char *told);
void journal_end(Journal *journal, guint64 seq, const char *how);

/* Ends the process groups of LEFT that still run here. */
void journal_kill(const struct wire_left *left);

/* Prints for people what the journals of DIR hold. */
bool journal_print(const char *dir, GError **error);

#endif
