/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/noted_rows.h"

/* Any step of ROW may have been done: its host is asked, and nothing is continued. */
static void doubt_step(struct row *row)
{
	if (row->phase >= ROW_ENDED || row_suspect(row))
		return;

	row->phase = ROW_AT_WORK;
	row->stale = true;
	if (!row->plan)
		row->plan = g_strdup(row->action);
}

/* ROW as an earlier driver left it, with what that noted of it. */
static struct row *noted_row(const Notes *notes, const struct row *row)
{
	struct row *copy = row_copy(row);
	const char *processes = notes_processes(notes, row->seq);
	const struct noted_step *step = notes_step_of(notes, row->seq);

	if (step && row->phase < ROW_ENDED) {
		copy->phase = ROW_AT_WORK;
		copy->step = step->step;
		g_free(copy->plan);
		copy->plan = g_strdup(step->plan);
	}

	if (notes_miss_steps(notes))
		doubt_step(copy);

	/* The file may not have heard of the end. */
	if (notes_arrived(notes, row->seq))
		copy->phase = ROW_DONE;

	copy->cancelled = notes_cancelled(notes, row->seq);
	if (processes && copy->phase == ROW_AT_WORK) {
		g_free(copy->processes);
		copy->processes = g_strdup(processes);
	}

	return copy;
}

bool noted_only(const Notes *notes, guint64 seq, const struct noted_files *files)
{
	if (seq <= files->journal)
		return false;

	return seq <= notes_spare_since(notes) || seq > files->spare;
}

GPtrArray *noted_rows(const Notes *notes, const GPtrArray *rows, const struct noted_files *files)
{
	GPtrArray *all = g_ptr_array_new_with_free_func(row_free);
	const GPtrArray *noted = notes_requests(notes);

	for (guint i = 0; i < rows->len; i++)
		g_ptr_array_add(all, noted_row(notes, g_ptr_array_index(rows, i)));

	for (guint i = 0; i < noted->len; i++) {
		struct row *row = g_ptr_array_index(noted, i);

		if (noted_only(notes, row->seq, files) && !notes_arrived(notes, row->seq))
			g_ptr_array_add(all, noted_row(notes, row));
	}

	return all;
}
