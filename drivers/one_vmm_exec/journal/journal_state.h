/* SPDX-License-Identifier: Apache-2.0 */
/* journal_state.h - the journal, for the files of it alone. */
#ifndef ONE_VMM_EXEC_JOURNAL_STATE_H
#define ONE_VMM_EXEC_JOURNAL_STATE_H

#include "journal/commit_wait.h"
#include "journal/journal.h"
#include "journal/journal_place.h"
#include "journal/journal_writer.h"
#include "journal/noted_rows.h"
#include "journal/notes.h"

struct journal {
	struct journal_place place;
	JournalWriter *keeper;
	Notes *notes;
	gsize max_info;
	guint64 next_seq;
	GHashTable *live;		/* seq to struct row */
	GHashTable *dirty;		/* seq: said, and not given to the keeper yet */
	guint flush;			/* source id: that is due */
	guint64 given, written;		/* generations */
	guint64 commits, ends;		/* see struct journal_cost */
	struct commit_wait waiting;	/* for generations */
	GQueue fresh;			/* of struct fresh, by generation */
	GPtrArray *left, *marks;
	struct noted_files files;
	bool unread;			/* the journal's file could not be read yet */
	bool damaged;
	bool is_stale;			/* no driver was running for long: see row.h */
	guint alive;			/* source id: signs of life */
	enum journal_writer_state state;
	char *why;
	const struct journal_events *events;
	void *data;
};

/* A request that the disk may not have yet: the notes have it. */
struct fresh {
	guint64 generation;
	guint64 seq;
	GBytes *document;		/* shared with the job */
};

#endif
