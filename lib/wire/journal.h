/*
 * journal.h - the lines of the driver's journal: what was asked for and how far it has come.
 *
 * A line a record: "A SEQ TIME ACTION ID DOCUMENT" accepted, "B SEQ STEP PLAN" that step
 * begins, "P SEQ PID START" it is that process here, "T SEQ BASE64" what it told, "Z SEQ TIME HOW"
 * ended, "M MARK" the word that marks our sessions on hosts. What makes no sense is passed over:
 * a crash cut it.
 */
#ifndef WIRE_JOURNAL_H
#define WIRE_JOURNAL_H

#include "base/error.h"

#include <stdio.h>

struct wire_process {
	int pid;
	guint64 start;			/* of the process, so that no other is taken for it */
};

/* A request that has not ended. */
struct wire_left {
	guint64 seq;
	gint64 accepted_s;		/* Unix time */
	char *action;
	gint64 id;
	char *document;			/* in base64 */
	char *plan;			/* of the step that had begun; NULL: none had */
	guint step;
	char *told;			/* by the step that tells the reply, or NULL */
	GArray *processes;		/* of struct wire_process: what may still run here */
};

/*
 * Takes LEN bytes of TEXT apart, which are changed: what is left, of struct wire_left in the order
 * of arrival, and the marks. Only whole lines count. The caller unrefs both.
 */
void wire_journal_parse(char *text, size_t len, GPtrArray **ret_left, GPtrArray **ret_marks);

/* Copies of journal FROM, from its begin, what has not ended. False: one of them failed. */
bool wire_journal_copy_left(FILE *from, FILE *to);

/* The lines. The caller frees. */
char *wire_journal_mark(const char *mark);
char *wire_journal_accepted(guint64 seq, gint64 time_s, const char *action, gint64 id,
			    const char *document);
char *wire_journal_step(guint64 seq, guint step, const char *plan);
char *wire_journal_process(guint64 seq, const struct wire_process *process);
char *wire_journal_told(guint64 seq, const char *told);
char *wire_journal_ended(guint64 seq, gint64 time_s, const char *how);

#endif
