/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "journal/store_sql.h"

/*
 * PAGES_AHEAD: of the file, there before they are needed; of its log LOG_TIMES as many, and a
 * checkpoint is made before the log has grown beyond them. BUSY_MS: for a process that prints
 * the journal meanwhile.
 */
enum { PAGES_AHEAD = 48, LOG_TIMES = 2, CHECKPOINT_PAGES = 64, PAGE_BYTES = 4096 };
enum { CACHE_KIB = 1024, BUSY_MS = 2000, MARKS = 32 };
/* Room is added for several requests at once; that much is kept for those to come. */
enum { ROOM_STEP = 4, ROOM_KEPT = 16 };

struct store {
	char *path;
	struct store_sql sql;
	gsize room_bytes;
	GHashTable *open; /* seq: requests whose end is not in the file */
	guint rooms;      /* ends with room set aside: no fewer than OPEN has */
};

static bool store_fail(const Store *s, const char *what, GError **error)
{
	int code = s->sql.db ? sqlite3_errcode(s->sql.db) : SQLITE_NOMEM;
	enum vmm_error class = code == SQLITE_FULL ? VMM_ERROR_NO_SPACE : VMM_ERROR_INTERNAL;
	const char *why = s->sql.db ? sqlite3_errmsg(s->sql.db) : "no memory";
	int number = s->sql.db ? sqlite3_system_errno(s->sql.db) : 0;

	if (number)
		return vmm_fail(error, class, "cannot %s %s: %s (%s)", what, s->path, why,
				g_strerror(number));

	return vmm_fail(error, class, "cannot %s %s: %s", what, s->path, why);
}

static void add_open(Store *s, guint64 seq)
{
	g_hash_table_add(s->open, g_memdup2(&seq, sizeof(seq)));
}

static bool put_change(Store *s, const struct row *row)
{
	if (row->phase >= ROW_ENDED) {
		g_hash_table_remove(s->open, &row->seq);
		if (!store_sql_run(&s->sql, DROP_DOCUMENT, (gint64)row->seq))
			return false;

		if (row->phase == ROW_DONE)
			return store_sql_run(&s->sql, DROP_ROW, (gint64)row->seq);

		return store_sql_put_row(&s->sql, row);
	}

	add_open(s, row->seq);
	if (row->document && !store_sql_put_document(&s->sql, row))
		return false;

	return store_sql_put_row(&s->sql, row);
}

static bool put_all(Store *s, const GPtrArray *rows, guint64 last)
{
	for (guint i = 0; i < rows->len; i++)
		if (!put_change(s, g_ptr_array_index(rows, i)))
			return false;
	return store_sql_run(&s->sql, PUT_LAST, (gint64)last);
}

static bool drop_room(Store *s, guint left)
{
	guint surplus = s->rooms - MIN(s->rooms, left);

	s->rooms -= surplus;
	if (!surplus)
		return true;

	return store_sql_run(&s->sql, DROP_ROOM, surplus);
}

/*
 * Keeps room for the ends of all open requests. The room of a request that has ended serves the
 * next one, so that in the long run no writes are needed for it.
 */
static bool adjust_room(Store *s)
{
	guint open = g_hash_table_size(s->open);
	guint wanted = (open + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;

	if (s->rooms > 2 * open + ROOM_KEPT)
		return drop_room(s, wanted);
	if (s->rooms >= open)
		return true;

	for (; s->rooms < wanted; s->rooms++)
		if (!store_sql_run(&s->sql, ADD_ROOM, (gint64)s->room_bytes))
			return false;

	return true;
}

/* The transaction that has begun becomes valid, or nothing of it. */
static bool end_transaction(Store *s, bool ok, GError **error)
{
	if (ok && store_sql_run(&s->sql, COMMIT, 0))
		return true;

	store_fail(s, "write", error);
	store_sql_run(&s->sql, ROLLBACK, 0);

	return false;
}

static void take_number(sqlite3_stmt *statement, void *data)
{
	guint64 *number = data;

	*number = (guint64)sqlite3_column_int64(statement, 0);
}

static void take_open(sqlite3_stmt *statement, void *data)
{
	add_open(data, (guint64)sqlite3_column_int64(statement, 0));
}

/* What is open and what room there is, as the file has it. */
static bool count_room(Store *s)
{
	guint64 rooms;

	g_hash_table_remove_all(s->open);
	if (!store_sql_each(&s->sql, GET_OPEN, ROW_ENDED, take_open, s))
		return false;
	if (!store_sql_each(&s->sql, COUNT_ROOM, 0, take_number, &rooms))
		return false;
	s->rooms = (guint)rooms;

	return true;
}

static bool put_rows(Store *s, const GPtrArray *rows, guint64 last, GError **error)
{
	if (!store_sql_run(&s->sql, BEGIN, 0))
		return store_fail(s, "write", error);

	return end_transaction(s, put_all(s, rows, last) && adjust_room(s), error);
}

/* On a full disk: what ends gets the room that was set aside for it. */
static bool put_rows_into_room(Store *s, const GPtrArray *rows, guint64 last, GError **error)
{
	if (!count_room(s) || !store_sql_run(&s->sql, BEGIN, 0))
		return store_fail(s, "write", error);

	for (guint i = 0; i < rows->len; i++) {
		const struct row *row = g_ptr_array_index(rows, i);

		if (row->phase >= ROW_ENDED)
			g_hash_table_remove(s->open, &row->seq);
	}

	return end_transaction(s,
			       drop_room(s, g_hash_table_size(s->open)) && put_all(s, rows, last) &&
				       adjust_room(s),
			       error);
}

bool store_put(Store *s, const GPtrArray *rows, guint64 last, GError **error)
{
	g_autoptr(GError) cause = NULL;
	guint rooms = s->rooms;

	if (put_rows(s, rows, last, &cause)) {
		if (s->rooms > rooms) /* the room is to be in the file, not in its log */
			store_sql_text(&s->sql, "PRAGMA wal_checkpoint(PASSIVE)");

		return true;
	}

	if (g_error_matches(cause, VMM_ERROR, VMM_ERROR_NO_SPACE))
		return put_rows_into_room(s, rows, last, error);

	g_propagate_error(error, g_steal_pointer(&cause));

	return false;
}

bool store_replace(Store *s, const GPtrArray *rows, guint64 last, GError **error)
{
	bool ok;

	if (!store_sql_run(&s->sql, BEGIN, 0))
		return store_fail(s, "write", error);

	g_hash_table_remove_all(s->open);
	ok = store_sql_run(&s->sql, DROP_ALL_ROWS, 0) && put_all(s, rows, last);
	ok = ok && store_sql_run(&s->sql, DROP_LOOSE_DOCUMENTS, 0) && adjust_room(s);

	return end_transaction(s, ok, error);
}

static void take_document(sqlite3_stmt *statement, void *data)
{
	GBytes **document = data;

	*document = g_bytes_new(sqlite3_column_blob(statement, 0),
				(gsize)sqlite3_column_bytes(statement, 0));
}

GBytes *store_document(Store *s, guint64 seq)
{
	GBytes *document = NULL;

	store_sql_each(&s->sql, GET_DOCUMENT, (gint64)seq, take_document, &document);

	return document;
}

guint64 store_last_seq(Store *s)
{
	guint64 last = 0;

	store_sql_each(&s->sql, GET_LAST, 0, take_number, &last);

	return last;
}

static void take_row(sqlite3_stmt *statement, void *data)
{
	g_ptr_array_add(data, store_sql_row(statement));
}

GPtrArray *store_rows(Store *s, GError **error)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);

	if (!store_sql_each(&s->sql, GET_ROWS, 0, take_row, rows)) {
		store_fail(s, "read", error);
		return NULL;
	}

	for (guint i = 0; i < rows->len; i++) {
		struct row *row = g_ptr_array_index(rows, i);

		row->document = store_document(s, row->seq);
	}

	return g_steal_pointer(&rows);
}

void store_set_partial(Store *s)
{
	store_sql_text(&s->sql, "PRAGMA user_version=1");
}

bool store_is_partial(Store *s)
{
	sqlite3_stmt *statement = NULL;
	bool partial = false;

	if (sqlite3_prepare_v2(s->sql.db, "PRAGMA user_version", -1, &statement, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		partial = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);

	return partial;
}

bool store_mark(Store *s, const char *word, GError **error)
{
	if (!store_sql_put_mark(&s->sql, word) || !store_sql_run(&s->sql, DROP_MARKS, MARKS))
		return store_fail(s, "write", error);

	return true;
}

static void take_mark(sqlite3_stmt *statement, void *data)
{
	g_ptr_array_add(data, store_sql_column(statement, 0));
}

GPtrArray *store_marks(Store *s, GError **error)
{
	g_autoptr(GPtrArray) marks = g_ptr_array_new_with_free_func(g_free);

	if (store_sql_each(&s->sql, GET_MARKS, 0, take_mark, marks))
		return g_steal_pointer(&marks);

	store_fail(s, "read", error);

	return NULL;
}

/* SQLite gives its log the mode of the file. */
static bool create(const char *path, GError **error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot open %s", path);

	close(fd);

	return true;
}

static gsize size_of(const char *path, const char *suffix)
{
	g_autofree char *name = g_strconcat(path, suffix, NULL);
	struct stat st;

	if (stat(name, &st) == 0)
		return (gsize)st.st_size;

	return 0;
}

/*
 * Writes pages that nobody needs, and frees them: the file has them then, and its log was once
 * LOG_TIMES as long. Without room for it the journal works all the same.
 */
static void set_pages_ahead(Store *s)
{
	static const char text[] =
		"BEGIN IMMEDIATE; REPLACE INTO room VALUES(0,zeroblob(%d)); COMMIT;"
		"DELETE FROM room WHERE seq=0;";
	g_autofree char *sql = g_strdup_printf(text, PAGES_AHEAD * PAGE_BYTES);
	const gsize log_bytes = LOG_TIMES * PAGES_AHEAD * PAGE_BYTES;

	for (int i = 0; i < 2 * LOG_TIMES && size_of(s->path, "-wal") < log_bytes; i++)
		if (!store_sql_text(&s->sql, sql))
			break;
	if (!sqlite3_get_autocommit(s->sql.db))
		store_sql_run(&s->sql, ROLLBACK, 0);

	store_sql_text(&s->sql, "PRAGMA wal_checkpoint(RESTART)");
}

static bool prepare_file(Store *s, gsize max_bytes)
{
	const gsize log_bytes = LOG_TIMES * PAGES_AHEAD * PAGE_BYTES;
	g_autofree char *limits = g_strdup_printf(
		"PRAGMA synchronous=FULL; PRAGMA cache_size=-%d; PRAGMA wal_autocheckpoint=0;"
		"PRAGMA journal_size_limit=%" G_GSIZE_FORMAT ";",
		CACHE_KIB, MAX(max_bytes, log_bytes));

	if (!store_sql_text(&s->sql, "PRAGMA journal_mode=WAL") ||
	    !store_sql_text(&s->sql, limits) || !store_sql_text(&s->sql, store_sql_schema))
		return false;

	if (size_of(s->path, "") > max_bytes)
		store_sql_text(&s->sql, "VACUUM");

	set_pages_ahead(s);
	sqlite3_wal_autocheckpoint(s->sql.db, CHECKPOINT_PAGES);

	return count_room(s);
}

static bool is_damaged(const Store *s)
{
	int code = s->sql.db ? sqlite3_errcode(s->sql.db) : SQLITE_OK;

	if (code == SQLITE_NOTADB)
		return true;

	return code == SQLITE_CORRUPT;
}

static void put_aside(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		g_autofree char *from = g_strconcat(path, suffixes[i], NULL);
		g_autofree char *to = g_strconcat(path, ".damaged", suffixes[i], NULL);

		rename(from, to);
	}
}

static Store *open_once(const char *path, int flags)
{
	Store *s = g_new0(Store, 1);

	s->path = g_strdup(path);
	s->open = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	if (sqlite3_open_v2(path, &s->sql.db, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
		sqlite3_busy_timeout(s->sql.db, BUSY_MS);

	return s;
}

Store *store_open(const char *path, gsize max_bytes, gsize room_bytes, bool *ret_damaged,
		  GError **error)
{
	for (int again = 0; again < 2; again++) {
		g_autoptr(Store) s = NULL;

		if (!create(path, error))
			return NULL;

		s = open_once(path, SQLITE_OPEN_READWRITE);
		s->room_bytes = room_bytes;
		if (prepare_file(s, max_bytes))
			return g_steal_pointer(&s);
		if (again || !is_damaged(s)) {
			store_fail(s, "open", error);
			return NULL;
		}

		if (ret_damaged)
			*ret_damaged = true;

		put_aside(path);
	}

	return NULL;
}

Store *store_open_to_read(const char *path, GError **error)
{
	g_autoptr(Store) s = open_once(path, SQLITE_OPEN_READONLY);

	if (store_sql_prepared(&s->sql, GET_ROWS))
		return g_steal_pointer(&s);

	store_fail(s, "read", error);

	return NULL;
}

void store_close(Store *s)
{
	if (!s)
		return;

	store_sql_close(&s->sql);
	g_hash_table_unref(s->open);
	g_free(s->path);
	g_free(s);
}
