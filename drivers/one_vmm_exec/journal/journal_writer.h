/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_writer.h - the thread that writes the journal: the main loop never waits for the disk.
 *
 *   journal_writer_new()      opens the files and reads what an earlier driver left
 *   journal_writer_put_now()  writes changes before the thread runs
 *   journal_writer_start()    starts the thread; reports follow from the main loop
 *   journal_writer_put()      queues a batch: one transaction
 *   journal_writer_free()     writes what is queued, and ends the thread
 *
 * While the journal's file cannot be written (full, read-only, an I/O error) what has not ended
 * is kept in a spare file in memory, and goes back when the file can be written again.
 */
#ifndef ONE_VMM_EXEC_JOURNAL_WRITER_H
#define ONE_VMM_EXEC_JOURNAL_WRITER_H

#include "journal/store.h"

enum journal_writer_state {
	WRITER_SAFE,  /* in the journal's file */
	WRITER_SPARE, /* in the spare file: a power cut would lose it */
	WRITER_LOST,  /* nowhere but in our memory */
};

struct journal_writer_spec {
	const char *journal;	/* paths; SPARE may be NULL */
	const char *spare;
	gsize max_bytes;	/* see store_open() */
	gsize room_bytes;
};

/* What became of the batches up to GENERATION. */
struct journal_writer_report {
	guint64 generation;
	enum journal_writer_state state;
	char *why;		/* the state is not SAFE; or NULL */
	GPtrArray *found;	/* an earlier driver's rows, which can be read only now; or NULL */
	GPtrArray *marks;	/* with FOUND: those that are in the journal's file alone */
	guint64 last_seq;       /* with FOUND, of journal_writer_last_seq() */
};

typedef struct journal_writer JournalWriter;

/* Called from the main loop. REPORT is borrowed. */
typedef void journal_writer_reported(void *data, const struct journal_writer_report *report);

/*
 * Opens the files. RET_ROWS: what an earlier driver left, of struct row; RET_MARKS: its marks;
 * the caller unrefs both. MARK is added to them in each file that is used. RET_DAMAGED is set when
 * the journal's file was damaged and put aside. Never NULL; see journal_writer_state_now().
 */
JournalWriter *journal_writer_new(const struct journal_writer_spec *spec, const char *mark,
				  GPtrArray **ret_rows, GPtrArray **ret_marks, bool *ret_damaged);

/*
 * The largest number of a request that an earlier driver put in the journal's file; G_MAXUINT64:
 * that cannot be read yet (it is reported when it can be). Before journal_writer_start().
 */
guint64 journal_writer_last_seq(const JournalWriter *keeper);

/* The same of the spare file; 0: there was none. */
guint64 journal_writer_spare_last_seq(const JournalWriter *keeper);

/* Writes ROWS (taken) at once, before journal_writer_start(). */
void journal_writer_put_now(JournalWriter *keeper, GPtrArray *rows);

/* Begins the thread; REPORTED(DATA) follows each batch, and each change of the state. */
void journal_writer_start(JournalWriter *keeper, journal_writer_reported *reported, void *data);

/* Queues ROWS (taken) as batch GENERATION. */
void journal_writer_put(JournalWriter *keeper, guint64 generation, GPtrArray *rows);

/*
 * Writes what is queued and ends the thread; nothing more is reported. True: all is in the
 * journal's file.
 */
bool journal_writer_free(JournalWriter *keeper);

/* Before journal_writer_start(). RET_WHY is borrowed, NULL when the state is SAFE. */
enum journal_writer_state journal_writer_state_now(const JournalWriter *keeper,
						   const char **ret_why);

#endif
