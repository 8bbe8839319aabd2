/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/journal_writer.h"

#include <signal.h>
#include <unistd.h>

#include "base/file.h"

enum { RETRY_US = 2000000 };

struct batch {
	guint64 generation;
	GPtrArray *rows;		/* NULL: the thread shall end */
};

/* All but REPORTED, DATA, THREAD and BATCHES belongs to the thread once it runs. */
struct journal_writer {
	char *journal_path, *spare_path;
	GPtrArray *marks;		/* all that are known; ours is the last */
	gsize max_bytes, room_bytes;
	Store *journal, *spare;		/* open, or NULL */
	guint64 last_seq;		/* the largest number of a request so far */
	guint64 journal_last_seq, spare_last_seq; /* likewise, of each file when it was opened */
	guint64 found_last_seq;		/* of the journal's file that could be read only late */
	bool unread;			/* nobody has seen yet what is in the journal's file */
	enum journal_writer_state state;
	char *why;
	GHashTable *rows;		/* seq to struct row: what has not ended, as it is now */
	guint64 generation;
	GPtrArray *found, *found_marks;	/* to be reported */
	GAsyncQueue *batches;
	GThread *thread;
	GMainContext *context;
	journal_writer_reported *reported;
	void *data;
};

/* A report on its way to the main loop. */
struct message {
	JournalWriter *keeper;
	struct journal_writer_report report;
};

static void change_state(JournalWriter *k, enum journal_writer_state state, GError *why)
{
	k->state = state;
	if (!why && state != WRITER_SAFE)
		return;			/* what was said before still holds */

	g_free(k->why);
	if (why)
		k->why = g_strdup(why->message);
	else
		k->why = NULL;
}

/* A document that is in no file yet stays with its row. */
static void remember(JournalWriter *k, struct row *row)
{
	const struct row *old = g_hash_table_lookup(k->rows, &row->seq);

	k->last_seq = MAX(k->last_seq, row->seq);
	if (row->phase == ROW_DONE) {
		g_hash_table_remove(k->rows, &row->seq);
		return;
	}

	if (!row->document && old && old->document && row->phase != ROW_ENDED)
		row->document = g_bytes_ref(old->document);

	g_hash_table_replace(k->rows, &row->seq, row_share(row));
}

/* What is in the journal's file need not be in memory. */
static void drop_documents(JournalWriter *k, const GPtrArray *rows)
{
	for (guint i = 0; i < rows->len; i++) {
		const struct row *row = g_ptr_array_index(rows, i);
		struct row *kept = g_hash_table_lookup(k->rows, &row->seq);

		if (kept)
			g_clear_pointer(&kept->document, g_bytes_unref);
	}
}

static GPtrArray *all_rows(JournalWriter *k)
{
	GPtrArray *rows = g_ptr_array_new();
	GHashTableIter iter;
	void *row;

	g_hash_table_iter_init(&iter, k->rows);
	while (g_hash_table_iter_next(&iter, NULL, &row))
		g_ptr_array_add(rows, row);

	return rows;
}

static void remove_file(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };

	for (size_t i = 0; path && i < G_N_ELEMENTS(suffixes); i++) {
		g_autofree char *name = g_strconcat(path, suffixes[i], NULL);

		unlink(name);
	}
}

static void close_spare(JournalWriter *k)
{
	g_clear_pointer(&k->spare, store_close);
	remove_file(k->spare_path);
}

/* To MARKS, those of S that are not among them yet. */
static void add_marks(GPtrArray *marks, Store *s)
{
	g_autoptr(GPtrArray) more = s ? store_marks(s, NULL) : NULL;

	for (guint i = 0; more && i < more->len; i++) {
		const char *mark = g_ptr_array_index(more, i);

		if (!g_ptr_array_find_with_equal_func(marks, mark, g_str_equal, NULL))
			g_ptr_array_add(marks, g_strdup(mark));
	}
}

/* The next driver finds what ran on hosts by them, whichever file it can read. */
static void put_marks(const JournalWriter *k, Store *s)
{
	for (guint i = 0; i < k->marks->len; i++)
		store_mark(s, g_ptr_array_index(k->marks, i), NULL);
}

/* Reads the rows of an earlier driver from a file that could not be read when we began. */
static bool read_late(JournalWriter *k, GError **error)
{
	g_autoptr(GPtrArray) rows = store_rows(k->journal, error);

	if (!rows)
		return false;

	for (guint i = 0; i < rows->len; i++) {
		struct row *row = row_copy(g_ptr_array_index(rows, i));

		remember(k, row);
		row_free(row);
	}

	k->found_marks = g_ptr_array_new_with_free_func(g_free);
	add_marks(k->found_marks, k->journal);
	k->found = g_steal_pointer(&rows);
	k->found_last_seq = store_last_seq(k->journal);
	k->unread = false;

	return true;
}

static bool reopen_journal(JournalWriter *k, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(k->journal_path);

	/* It could not be made when we began. */
	if (!k->journal && !file_make_directory(dir, error))
		return false;
	if (!k->journal)
		k->journal = store_open(k->journal_path, k->max_bytes, k->room_bytes, NULL, error);

	if (!k->journal)
		return false;

	return !k->unread || read_late(k, error);
}

/* The journal's file can be written again, or cannot. */
static bool go_back(JournalWriter *k, GError **error)
{
	g_autoptr(GPtrArray) rows = NULL;

	if (!reopen_journal(k, error))
		return false;

	rows = all_rows(k);
	if (!store_replace(k->journal, rows, k->last_seq, error))
		return false;

	put_marks(k, k->journal);
	drop_documents(k, rows);
	close_spare(k);
	change_state(k, WRITER_SAFE, NULL);

	return true;
}

/* All that has not ended goes to the spare file; WHY: the journal's own cannot be written. */
static void use_spare(JournalWriter *k, GError *why)
{
	g_autoptr(GPtrArray) rows = all_rows(k);
	g_autoptr(GError) cause = NULL;

	/* The open file may have been removed from the disk: the journal is opened anew later. */
	g_clear_pointer(&k->journal, store_close);
	if (!k->spare && k->spare_path)
		k->spare = store_open(k->spare_path, k->max_bytes, k->room_bytes, NULL, &cause);
	if (k->spare && k->unread)
		store_set_partial(k->spare);
	if (!k->spare || !store_replace(k->spare, rows, k->last_seq, &cause)) {
		change_state(k, WRITER_LOST, why);
		return;
	}

	put_marks(k, k->spare);
	change_state(k, WRITER_SPARE, why);
}

static void write_batch(JournalWriter *k, const GPtrArray *rows)
{
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < rows->len; i++)
		remember(k, g_ptr_array_index(rows, i));
	if (k->state == WRITER_SAFE) {
		if (store_put(k->journal, rows, k->last_seq, &error))
			drop_documents(k, rows);
		else
			use_spare(k, error);
	} else if (k->state == WRITER_SPARE && !store_put(k->spare, rows, k->last_seq, &error)) {
		use_spare(k, error);
	} else if (k->state == WRITER_LOST) {
		use_spare(k, NULL);
	}
}

static gboolean on_message(gpointer data)
{
	struct message *m = data;

	if (m->keeper->reported)
		m->keeper->reported(m->keeper->data, &m->report);

	return G_SOURCE_REMOVE;
}

static void message_free(gpointer data)
{
	struct message *m = data;

	g_free(m->report.why);
	g_clear_pointer(&m->report.found, g_ptr_array_unref);
	g_clear_pointer(&m->report.marks, g_ptr_array_unref);
	g_free(m);
}

static void report(JournalWriter *k)
{
	struct message *m = g_new0(struct message, 1);
	GSource *source = g_idle_source_new();

	m->keeper = k;
	m->report = (struct journal_writer_report){
		k->generation, k->state, g_strdup(k->why), g_steal_pointer(&k->found),
		g_steal_pointer(&k->found_marks), k->found_last_seq
	};
	g_source_set_priority(source, G_PRIORITY_DEFAULT);
	g_source_set_callback(source, on_message, m, message_free);
	g_source_attach(source, k->context);
	g_source_unref(source);
}

/* The next batch; NULL: it is time to try the journal's file again. */
static struct batch *next_batch(JournalWriter *k)
{
	if (k->state == WRITER_SAFE)
		return g_async_queue_pop(k->batches);

	return g_async_queue_timeout_pop(k->batches, RETRY_US);
}

/*
 * To BATCH, all that was queued while the last commit was made: one commit is as dear as many
 * rows. False: the thread shall end after it.
 */
static bool join_batches(JournalWriter *k, struct batch *batch)
{
	struct batch *next;

	while ((next = g_async_queue_try_pop(k->batches))) {
		bool ends = !next->rows;

		if (!ends) {
			batch->generation = next->generation;
			g_ptr_array_extend_and_steal(batch->rows, next->rows);
		}

		g_free(next);
		if (ends)
			return false;
	}

	return true;
}

static void *keep(void *data)
{
	JournalWriter *k = data;
	bool ends = false;

	while (!ends) {
		struct batch *batch = next_batch(k);
		bool has_rows = batch && batch->rows;

		ends = batch && !batch->rows;
		if (has_rows) {
			ends = !join_batches(k, batch);
			write_batch(k, batch->rows);
			k->generation = batch->generation;
			g_ptr_array_unref(batch->rows);
		}

		if ((!batch || ends) && k->state != WRITER_SAFE)
			go_back(k, NULL);
		if (!ends)
			report(k);
		g_free(batch);
	}

	return NULL;
}

/*
 * The rows of the spare file are newer than those of the journal's file: a driver was killed while
 * it could not write that. The documents may be in either file.
 */
static GPtrArray *rows_of_spare(JournalWriter *k)
{
	GPtrArray *rows = store_rows(k->spare, NULL);

	for (guint i = 0; rows && i < rows->len; i++) {
		struct row *row = g_ptr_array_index(rows, i);

		if (!row->document && k->journal)
			row->document = store_document(k->journal, row->seq);
	}

	return rows;
}

/* To ROWS, of a spare file that is partial, what is in the journal's file alone. */
static void add_rows_of_journal(JournalWriter *k, GPtrArray *rows)
{
	g_autoptr(GPtrArray) others = store_rows(k->journal, NULL);

	for (guint i = 0; others && i < others->len; i++) {
		struct row *other = g_ptr_array_index(others, i);
		bool known = false;

		for (guint n = 0; n < rows->len && !known; n++)
			known = ((struct row *)g_ptr_array_index(rows, n))->seq == other->seq;
		if (!known)
			g_ptr_array_add(rows, row_copy(other));
	}
}

static GPtrArray *read_rows(JournalWriter *k)
{
	g_autoptr(GPtrArray) rows = NULL;

	if (k->spare_path && g_file_test(k->spare_path, G_FILE_TEST_EXISTS))
		k->spare = store_open(k->spare_path, k->max_bytes, k->room_bytes, NULL, NULL);

	/* Nothing was ever put in it: its driver was killed before, and left all in the journal. */
	if (k->spare && !store_last_seq(k->spare))
		close_spare(k);
	if (k->spare)
		rows = rows_of_spare(k);
	else if (k->journal)
		rows = store_rows(k->journal, NULL);
	if (rows && k->spare && k->journal && store_is_partial(k->spare))
		add_rows_of_journal(k, rows);

	if (rows)
		return g_steal_pointer(&rows);

	return g_ptr_array_new_with_free_func(row_free);
}

/* Those of earlier drivers. The caller unrefs. */
static GPtrArray *read_marks(JournalWriter *k, const char *ours)
{
	GPtrArray *earlier = g_ptr_array_new_with_free_func(g_free);

	add_marks(k->marks, k->journal);
	add_marks(k->marks, k->spare);
	for (guint i = 0; i < k->marks->len; i++)
		g_ptr_array_add(earlier, g_strdup(g_ptr_array_index(k->marks, i)));

	g_ptr_array_add(k->marks, g_strdup(ours));
	if (k->journal)
		store_mark(k->journal, ours, NULL);

	return earlier;
}

JournalWriter *journal_writer_new(const struct journal_writer_spec *spec, const char *mark,
				  GPtrArray **ret_rows, GPtrArray **ret_marks, bool *ret_damaged)
{
	g_autoptr(GError) cause = NULL;
	JournalWriter *k = g_new0(JournalWriter, 1);

	k->journal_path = g_strdup(spec->journal);
	k->spare_path = g_strdup(spec->spare);
	k->marks = g_ptr_array_new_with_free_func(g_free);
	k->max_bytes = spec->max_bytes;
	k->room_bytes = spec->room_bytes;
	k->rows = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, row_free);
	k->batches = g_async_queue_new();
	k->context = g_main_context_default();
	k->journal = store_open(k->journal_path, k->max_bytes, k->room_bytes,
				ret_damaged, &cause);
	*ret_rows = read_rows(k);
	*ret_marks = read_marks(k, mark);
	k->journal_last_seq = k->journal ? store_last_seq(k->journal) : 0;
	k->spare_last_seq = k->spare ? store_last_seq(k->spare) : 0;
	k->last_seq = MAX(k->journal_last_seq, k->spare_last_seq);
	for (guint i = 0; i < (*ret_rows)->len; i++)
		remember(k, g_ptr_array_index(*ret_rows, i));

	/* Nobody may take a journal that cannot be read for one that is empty. */
	k->unread = !k->journal && (!k->spare || store_is_partial(k->spare));
	if (k->spare && k->journal)
		go_back(k, &cause);
	if (!k->journal || k->spare)
		use_spare(k, cause);

	return k;
}

guint64 journal_writer_last_seq(const JournalWriter *k)
{
	if (k->unread)
		return G_MAXUINT64;

	return k->journal_last_seq;
}

guint64 journal_writer_spare_last_seq(const JournalWriter *k)
{
	return k->spare_last_seq;
}

void journal_writer_put_now(JournalWriter *k, GPtrArray *rows)
{
	write_batch(k, rows);
	g_ptr_array_unref(rows);
}

/* Signals are for the main loop alone. */
void journal_writer_start(JournalWriter *k, journal_writer_reported *reported, void *data)
{
	sigset_t all, old;

	k->reported = reported;
	k->data = data;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	k->thread = g_thread_new("journal", keep, k);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void journal_writer_put(JournalWriter *k, guint64 generation, GPtrArray *rows)
{
	struct batch *batch = g_new(struct batch, 1);

	*batch = (struct batch){ generation, rows };
	g_async_queue_push(k->batches, batch);
}

bool journal_writer_free(JournalWriter *k)
{
	bool safe;

	k->reported = NULL;
	if (k->thread) {
		journal_writer_put(k, 0, NULL);
		g_thread_join(k->thread);
	}

	safe = k->state == WRITER_SAFE;
	store_close(k->spare);
	store_close(k->journal);
	g_async_queue_unref(k->batches);
	g_hash_table_unref(k->rows);
	g_clear_pointer(&k->found, g_ptr_array_unref);
	g_clear_pointer(&k->found_marks, g_ptr_array_unref);
	g_ptr_array_unref(k->marks);
	g_free(k->journal_path);
	g_free(k->spare_path);
	g_free(k->why);
	g_free(k);

	return safe;
}

enum journal_writer_state journal_writer_state_now(const JournalWriter *k, const char **ret_why)
{
	*ret_why = k->why;
	return k->state;
}
