/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/journal_notes.h"

#include "wire/deflate.h"
#include "or_else.h"

void journal_notes_step(Journal *j, const struct row *row)
{
	bool has_begun = row->phase == ROW_AT_WORK && row->plan;

	if (has_begun && j->state == WRITER_LOST)
		notes_step(j->notes, row->seq, row->plan, row->step);
}

/* No file has them, or all have come into one. */
void journal_notes_steps(Journal *j)
{
	GHashTableIter iter;
	void *row;

	if (j->state != WRITER_LOST) {
		if (!notes_are_lost(j->notes))
			notes_steps_kept(j->notes);

		return;
	}

	g_hash_table_iter_init(&iter, j->live);
	while (g_hash_table_iter_next(&iter, NULL, &row))
		journal_notes_step(j, row);
}

static bool is_unread(void *journal, guint64 seq)
{
	const Journal *j = journal;

	return g_hash_table_contains(j->live, &seq);
}

/* Notes ROW with its document KEPT again: its line is no longer in memory. */
static void note_row(Journal *j, const struct row *row, GBytes *kept)
{
	g_autoptr(GBytes) document = row->packed ? deflate_unpack(kept) : g_bytes_ref(kept);
	gsize size;
	const guchar *bytes = g_bytes_get_data(document, &size);
	g_autofree char *payload = g_base64_encode(bytes, size);

	notes_request(j->notes, row, payload);
}

/* The processes of all requests, which the disk need not have. */
static void note_processes(Journal *j)
{
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, j->live);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct row *row = value;
		g_auto(GStrv) processes = g_strsplit(or_else(row->processes, ""), " ", -1);

		for (char **p = processes; *p; p++)
			notes_process(j->notes, row->seq, *p);
	}
}

void journal_notes_renew(Journal *j)
{
	if (!notes_renew(j->notes, is_unread, j))
		return;

	for (GList *l = j->fresh.head; l; l = l->next) {
		const struct fresh *f = l->data;
		const struct row *row = g_hash_table_lookup(j->live, &f->seq);

		if (row)
			note_row(j, row, f->document);
	}

	note_processes(j);
	if (j->state == WRITER_LOST)
		journal_notes_steps(j);

	notes_renewed(j->notes);
}

/*
 * Cancelled ones of an earlier driver are forgotten on disk only when their jobs have been ended;
 * of what only its notes had, the disk has nothing until it can be written.
 */
static void note_left_again(Journal *j)
{
	for (guint i = 0; i < j->left->len; i++) {
		const struct row *row = g_ptr_array_index(j->left, i);
		bool is_in_no_file = j->state == WRITER_LOST &&
				     noted_only(j->notes, row->seq, &j->files);

		if (is_in_no_file && row->document)
			note_row(j, row, row->document);

		journal_notes_step(j, row);
		if (row->cancelled)
			notes_cancel(j->notes, row->seq);
	}
}

/*
 * Ours are numbered above all that notes and files know, whatever the clock says now: noted_only()
 * takes what is below for known to the files.
 */
static void skip_known(Journal *j)
{
	const GPtrArray *noted = notes_requests(j->notes);

	if (!j->unread)
		j->next_seq = MAX(j->next_seq, j->files.journal);

	j->next_seq = MAX(j->next_seq, j->files.spare);
	for (guint i = 0; i < noted->len; i++)
		j->next_seq = MAX(j->next_seq, ((struct row *)g_ptr_array_index(noted, i))->seq);
}

void journal_notes_begin(Journal *j)
{
	skip_known(j);
	if (j->unread) {
		notes_continue(j->notes, j->next_seq);
		return;
	}

	notes_begin(j->notes);
	note_left_again(j);
}
