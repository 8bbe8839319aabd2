/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/journal.h"

#include "journal/journal_notes.h"
#include "or_else.h"

/* ROOM: what is in a row besides a reply's info, which is cut like that of the reply. */
enum { ROOM = 2048, MAX_MARK = 64 };
/* Between two signs of life while something is in progress. */
enum { ALIVE_S = 10 };

static char *cut(const Journal *j, const char *text)
{
	if (text)
		return g_strndup(text, j->max_info);

	return NULL;
}

/* The rows that were touched, as they are now; those that are done are forgotten. */
static GPtrArray *take_dirty(Journal *j)
{
	GPtrArray *rows = g_ptr_array_new_with_free_func(row_free);
	GHashTableIter iter;
	void *seq;

	g_hash_table_iter_init(&iter, j->dirty);
	while (g_hash_table_iter_next(&iter, &seq, NULL)) {
		struct row *row = g_hash_table_lookup(j->live, seq);

		g_ptr_array_add(rows, row_copy(row));
		g_clear_pointer(&row->document, g_bytes_unref);
		if (row->phase == ROW_DONE)
			g_hash_table_remove(j->live, seq);
	}

	g_hash_table_remove_all(j->dirty);

	return rows;
}

static void give(Journal *j)
{
	j->given++;
	journal_writer_put(j->keeper, j->given, take_dirty(j));
}

static gboolean on_flush(gpointer data)
{
	Journal *j = data;

	j->flush = 0;
	give(j);

	return G_SOURCE_REMOVE;
}

/* A transaction for each turn of the loop. */
static void touch(Journal *j, const struct row *row)
{
	g_hash_table_add(j->dirty, g_memdup2(&row->seq, sizeof(row->seq)));
	if (!j->flush)
		j->flush = g_idle_add_full(G_PRIORITY_DEFAULT, on_flush, j, NULL);
}

static struct row *row_of(Journal *j, guint64 seq)
{
	if (j && seq)
		return g_hash_table_lookup(j->live, &seq);

	return NULL;
}

static void add_row(Journal *j, struct row *row)
{
	g_hash_table_replace(j->live, &row->seq, row);
}

bool journal_is_safe(const Journal *j)
{
	if (!j)
		return false;

	return j->state == WRITER_SAFE;
}

static void notice(const Journal *j, char severity, const char *text)
{
	if (j->events)
		j->events->notice(j->data, severity, text);
}

static void notify_state(const Journal *j)
{
	static const char *const texts[] = {
		[WRITER_SAFE] = "the journal is written again",
		[WRITER_SPARE] = "the journal cannot be written: what is at work is kept in memory "
				 "and would be lost with this machine",
		[WRITER_LOST] = "the journal cannot be written: if this driver is killed, the next "
				"one will not know what was at work",
	};
	g_autofree char *text = g_strdup_printf("%s%s%s", texts[j->state], j->why ? ": " : "",
						or_else(j->why, ""));

	notice(j, j->state == WRITER_SAFE ? 'I' : 'E', text);
}

static void take_writer_state(Journal *j, enum journal_writer_state state, const char *why)
{
	bool changed = state != j->state;
	bool was_lost = j->state == WRITER_LOST;

	j->state = state;
	g_free(j->why);
	if (state == WRITER_SAFE)
		j->why = NULL;
	else
		j->why = g_strdup(why);
	if (changed && (was_lost || state == WRITER_LOST))
		journal_notes_steps(j);
	if (changed)
		notify_state(j);
}

static void fresh_free(void *data)
{
	struct fresh *f = data;

	g_bytes_unref(f->document);
	g_free(f);
}

/* The disk has them: they need no notes. */
static void forget_fresh(Journal *j)
{
	struct fresh *f;

	while ((f = g_queue_peek_head(&j->fresh)) && f->generation <= j->written) {
		g_queue_pop_head(&j->fresh);
		fresh_free(f);
	}
}

struct journal_cost journal_cost_read(const Journal *j)
{
	const struct commit_wait *w;

	if (!j)
		return (struct journal_cost){ 0 };

	w = &j->waiting;
	return (struct journal_cost){ j->commits, j->ends, w->waits, w->wait_s, w->longest_s };
}

/* What had not ended is not continued any more: also not by a driver after this one. */
static bool make_stale(const Journal *j, struct row *row)
{
	if (!j->is_stale || row->phase >= ROW_ENDED)
		return false;

	row->stale = true;

	return true;
}

/* Notes alone say so of ROW, as an earlier driver left it: the files must, before ours begin. */
static bool is_noted(const Journal *j, const struct row *row)
{
	if (row->stale || notes_step_of(j->notes, row->seq))
		return true;

	return noted_only(j->notes, row->seq, &j->files);
}

/* What an earlier driver left can be read only now. */
static void take_found(Journal *j, const struct journal_writer_report *report)
{
	g_autoptr(GPtrArray) all = NULL;
	g_autoptr(GPtrArray) open = g_ptr_array_new();

	j->unread = false;
	for (guint i = 0; report->marks && i < report->marks->len; i++)
		g_ptr_array_add(j->marks, g_strdup(g_ptr_array_index(report->marks, i)));

	j->files.journal = report->last_seq;
	j->next_seq = MAX(j->next_seq, report->last_seq);
	all = noted_rows(j->notes, report->found, &j->files);
	for (guint i = 0; i < all->len; i++) {
		struct row *row = g_ptr_array_index(all, i);
		bool changed = make_stale(j, row) || row->phase == ROW_DONE;

		add_row(j, row_copy(row));
		if (changed || is_noted(j, row))
			touch(j, row);
		if (row->phase != ROW_DONE)
			g_ptr_array_add(open, row);
	}

	if (j->events)
		j->events->found(j->data, open);
}

static bool is_all_written(const Journal *j)
{
	return !j->flush && j->written == j->given;
}

/* All that is stale is in a file as such. */
static void end_silence(Journal *j)
{
	if (!j->is_stale || j->unread || j->state == WRITER_LOST)
		return;

	j->is_stale = false;
	journal_place_set_silent(&j->place, false);
}

/* Notes that could not be written can be, now that the files have all that notes might know. */
static bool may_begin_anew(const Journal *j)
{
	return notes_are_lost(j->notes) && j->state != WRITER_LOST && is_all_written(j);
}

static void on_report(void *data, const struct journal_writer_report *report)
{
	Journal *j = data;

	j->commits += report->generation > j->written;
	j->written = report->generation;
	take_writer_state(j, report->state, report->why);
	if (report->found)
		take_found(j, report);
	else if (is_all_written(j))
		end_silence(j);

	forget_fresh(j);
	if (!j->unread && (notes_are_large(j->notes) || may_begin_anew(j)))
		journal_notes_renew(j);

	commit_wait_tell(&j->waiting, j->written);
}

/* A reply that reached oned is not repeated. */
static GPtrArray *take_left(Journal *j, const GPtrArray *rows)
{
	GPtrArray *changed = g_ptr_array_new_with_free_func(row_free);

	j->left = g_ptr_array_new_with_free_func(row_free);
	for (guint i = 0; i < rows->len; i++) {
		const struct row *row = g_ptr_array_index(rows, i);
		struct row *copy = row_copy(row);
		bool is_news;

		j->next_seq = MAX(j->next_seq, row->seq);
		if (row->phase == ROW_DONE) {
			g_ptr_array_add(changed, copy);
			continue;
		}

		is_news = make_stale(j, copy) || row->processes;
		if (is_news || is_noted(j, copy))
			g_ptr_array_add(changed, row_copy(copy));

		g_ptr_array_add(j->left, copy);
		add_row(j, row_copy(copy));
	}

	return changed;
}

/* Whether no driver was running for so long that others may have acted for it. */
static bool was_silent(const struct journal_place *p, const struct driver_settings *settings)
{
	gint64 limit_s = conf_cfg_int(settings->cfg, "journal.resume_s");
	gint64 last_us = journal_place_last_sign(p);

	if (!limit_s)
		return false;
	if (journal_place_is_silent(p))
		return true;
	if (!last_us)
		return false;	/* there was no driver */

	return (g_get_real_time() - last_us) / G_USEC_PER_SEC > MAX(limit_s, 2 * ALIVE_S);
}

static gboolean on_alive(gpointer data)
{
	Journal *j = data;

	if (g_hash_table_size(j->live))
		journal_place_sign(&j->place);

	return G_SOURCE_CONTINUE;
}

static void open_files(Journal *j, const struct driver_settings *settings, const char *mark)
{
	const struct journal_writer_spec spec = {
		.journal = j->place.journal,
		.spare = j->place.spare,
		.max_bytes = (gsize)conf_cfg_int(settings->cfg, "journal.bytes"),
		.room_bytes = 2 * j->max_info + ROOM,
	};
	g_autoptr(GPtrArray) rows = NULL;
	g_autoptr(GPtrArray) all = NULL;
	const char *why;

	j->keeper = journal_writer_new(&spec, mark, &rows, &j->marks, &j->damaged);
	j->files = (struct noted_files){ journal_writer_last_seq(j->keeper),
					 journal_writer_spare_last_seq(j->keeper) };
	j->unread = j->files.journal == G_MAXUINT64;
	all = noted_rows(j->notes, rows, &j->files);
	journal_writer_put_now(j->keeper, take_left(j, all));
	j->state = journal_writer_state_now(j->keeper, &why);
	j->why = g_strdup(why);
	journal_notes_begin(j);
	end_silence(j);
	journal_writer_start(j->keeper, on_report, j);
}

Journal *journal_open(const struct driver_settings *settings, const char *mark, GError **error)
{
	Journal *j = g_new0(Journal, 1);

	if (!journal_place_take(&j->place, settings, error)) {
		g_free(j);
		return NULL;
	}

	j->is_stale = was_silent(&j->place, settings);
	if (j->is_stale)
		journal_place_set_silent(&j->place, true);

	j->max_info = (gsize)conf_cfg_int(settings->cfg, "limits.info_bytes");
	j->next_seq = (guint64)g_get_real_time();
	j->live = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, row_free);
	j->dirty = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_queue_init(&j->fresh);
	j->notes = notes_open(j->place.notes);
	open_files(j, settings, mark);
	j->alive = g_timeout_add_seconds(ALIVE_S, on_alive, j);

	return j;
}

void journal_listen(Journal *j, const struct journal_events *events, void *data)
{
	if (!j)
		return;

	j->events = events;
	j->data = data;
}

void journal_make_stale(Journal *j)
{
	GHashTableIter iter;
	void *row;

	if (!j)
		return;

	j->is_stale = true;
	journal_place_set_silent(&j->place, true);
	g_hash_table_iter_init(&iter, j->live);
	while (g_hash_table_iter_next(&iter, NULL, &row))
		if (make_stale(j, row))
			touch(j, row);
	if (is_all_written(j))
		end_silence(j);
}

void journal_tell_state(Journal *j)
{
	if (j && j->damaged)
		notice(j, 'E', "the journal was damaged and is put aside (.damaged): what an "
		       "earlier driver had at work is not known");
	if (j && notes_miss_steps(j->notes))
		notice(j, 'E', "an earlier driver could note nowhere which steps had begun: what "
		       "it had is asked about and answered, not continued");
	if (j && j->state != WRITER_SAFE)
		notify_state(j);
}

void journal_close(Journal *j)
{
	if (!j)
		return;

	g_source_remove(j->alive);
	if (j->flush)
		g_source_remove(j->flush);
	if (g_hash_table_size(j->dirty))
		give(j);
	if (journal_writer_free(j->keeper) && !g_hash_table_size(j->live))
		notes_remove(j->notes);

	notes_close(j->notes);
	commit_wait_clear(&j->waiting);
	g_queue_clear_full(&j->fresh, fresh_free);
	g_hash_table_unref(j->dirty);
	g_hash_table_unref(j->live);
	g_ptr_array_unref(j->left);
	g_ptr_array_unref(j->marks);
	journal_place_clear(&j->place);
	g_free(j->why);
	g_free(j);
}

const GPtrArray *journal_left(const Journal *j)
{
	if (j)
		return j->left;

	return NULL;
}

GPtrArray *journal_marks(const Journal *j)
{
	if (j)
		return j->marks;

	return NULL;
}

static struct row *new_row(Journal *j, const char *action, const char *deployment)
{
	struct row *row = row_new();

	row->seq = ++j->next_seq;
	row->accepted_s = g_get_real_time() / G_USEC_PER_SEC;
	row->action = g_intern_string(action);
	row->deployment = g_strdup(deployment);

	return row;
}

guint64 journal_accept(Journal *j, const char *action, gint64 id, const char *deployment,
		       const char *payload, GBytes *document, bool packed)
{
	struct row *row;
	struct fresh *f;

	if (!j)
		return 0;

	row = new_row(j, action, deployment);
	row->id = id;
	row->document = g_bytes_ref(document);
	row->packed = packed;
	add_row(j, row);
	touch(j, row);
	f = g_new(struct fresh, 1);
	*f = (struct fresh){ j->given + 1, row->seq, g_bytes_ref(document) };
	g_queue_push_tail(&j->fresh, f);
	notes_request(j->notes, row, payload);

	return row->seq;
}

guint64 journal_suspect(Journal *j, const char *host)
{
	struct row *row;

	if (!j)
		return 0;

	row = new_row(j, ROW_SUSPECT, host);
	row->id = -1;
	add_row(j, row);
	touch(j, row);

	return row->seq;
}

void journal_step(Journal *j, guint64 seq, const char *plan, guint step)
{
	struct row *row = row_of(j, seq);

	if (!row)
		return;

	row->phase = ROW_AT_WORK;
	g_free(row->plan);
	row->plan = g_strdup(plan);
	row->step = step;
	g_clear_pointer(&row->processes, g_free);
	touch(j, row);
	journal_notes_step(j, row);
}

void journal_process(Journal *j, guint64 seq, int pid, guint64 since)
{
	struct row *row = row_of(j, seq);
	g_autofree char *process = NULL;
	g_autofree char *old = NULL;

	if (!row)
		return;

	process = g_strdup_printf("%d:%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, pid, since,
				  notes_ticks());
	old = row->processes;
	if (old)
		row->processes = g_strconcat(old, " ", process, NULL);
	else
		row->processes = g_strdup(process);

	/* It dies with the machine, as notes do. */
	if (!notes_process(j->notes, seq, process))
		touch(j, row);
}

void journal_reply_info(Journal *j, guint64 seq, const char *told)
{
	struct row *row = row_of(j, seq);

	if (!row)
		return;

	g_free(row->told);
	row->told = cut(j, told);
	touch(j, row);
}

void journal_postpone(Journal *j, guint64 seq)
{
	struct row *row = row_of(j, seq);

	if (!row)
		return;

	row->phase = ROW_WAITING;
	g_clear_pointer(&row->processes, g_free);
	touch(j, row);
}

void journal_end(Journal *j, guint64 seq, bool success, const char *info)
{
	struct row *row = row_of(j, seq);

	if (!row)
		return;

	j->ends++;
	row->phase = ROW_ENDED;
	row->success = success;
	g_free(row->reply);
	row->reply = cut(j, info);
	g_clear_pointer(&row->told, g_free);
	g_clear_pointer(&row->processes, g_free);
	touch(j, row);
}

void journal_forget(Journal *j, guint64 seq)
{
	struct row *row = row_of(j, seq);

	if (!row)
		return;

	row->phase = ROW_DONE;
	touch(j, row);
}

void journal_cancel(Journal *j, guint64 seq)
{
	if (row_of(j, seq))
		notes_cancel(j->notes, seq);
}

static void on_sent(void *journal, guint64 seq)
{
	Journal *j = journal;

	if (row_of(j, seq))
		notes_sent(j->notes, seq);
}

static void on_read(void *journal, guint64 seq)
{
	journal_forget(journal, seq);
}

static void on_unread(void *journal, guint64 seq)
{
	Journal *j = journal;

	if (row_of(j, seq))
		notes_unread(j->notes, seq);
}

const struct oned_output_events journal_out_events = { on_sent, on_read, on_unread };

bool journal_wait(Journal *j, journal_kept *kept, void *data)
{
	bool pending = j && (j->flush || j->written < j->given);

	if (!pending)
		return false;

	commit_wait_add(&j->waiting, j->given + (j->flush ? 1 : 0), kept, data);

	return true;
}

void journal_stop_waiting(Journal *j, const void *data)
{
	if (j)
		commit_wait_remove(&j->waiting, data);
}
