/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "or_else.h"

/*
 * PAGES_AHEAD: of the file, there before they are needed; of its log LOG_TIMES as many, and a
 * checkpoint is made before the log has grown beyond them. BUSY_MS: for a process that prints
 * the journal meanwhile.
 */
enum { PAGES_AHEAD = 48, LOG_TIMES = 2, CHECKPOINT_PAGES = 64, PAGE_BYTES = 4096 };
enum { CACHE_KIB = 256, BUSY_MS = 2000, MARKS = 32 };
/* Room is added for several requests at once; that much is kept for those to come. */
enum { ROOM_STEP = 4, ROOM_KEPT = 16 };

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS request(seq INTEGER PRIMARY KEY, accepted_s INTEGER, "
	" action TEXT, vm INTEGER, deployment TEXT, phase INTEGER, plan TEXT, step INTEGER, "
	" processes TEXT, told TEXT, success INTEGER, packed INTEGER, reply TEXT);"
	"CREATE TABLE IF NOT EXISTS document(seq INTEGER PRIMARY KEY, bytes BLOB);"
	"CREATE TABLE IF NOT EXISTS room(seq INTEGER PRIMARY KEY, bytes BLOB);"
	"CREATE TABLE IF NOT EXISTS mark(id INTEGER PRIMARY KEY, word TEXT);"
	"CREATE TABLE IF NOT EXISTS last(id INTEGER PRIMARY KEY, seq INTEGER);";

enum statement {
	BEGIN, COMMIT, ROLLBACK, PUT_ROW, PUT_DOCUMENT, ADD_ROOM, DROP_ROW, DROP_DOCUMENT,
	DROP_ROOM, DROP_ALL_ROWS, DROP_LOOSE_DOCUMENTS, PUT_MARK, DROP_MARKS, PUT_LAST,
	GET_LAST, GET_ROWS, GET_DOCUMENT, GET_MARKS, GET_OPEN, COUNT_ROOM,
	STATEMENTS,
};

static const char *const texts[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[PUT_ROW] = "REPLACE INTO request VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
	[PUT_DOCUMENT] = "REPLACE INTO document VALUES(?1,?2)",
	[ADD_ROOM] = "INSERT INTO room(bytes) VALUES(zeroblob(?1))",
	[DROP_ROW] = "DELETE FROM request WHERE seq=?1",
	[DROP_DOCUMENT] = "DELETE FROM document WHERE seq=?1",
	[DROP_ROOM] = "DELETE FROM room WHERE seq IN (SELECT seq FROM room LIMIT ?1)",
	[DROP_ALL_ROWS] = "DELETE FROM request",
	[DROP_LOOSE_DOCUMENTS] = "DELETE FROM document WHERE seq NOT IN (SELECT seq FROM request)",
	[PUT_MARK] = "INSERT INTO mark(word) VALUES(?1)",
	[DROP_MARKS] = "DELETE FROM mark WHERE id<=(SELECT max(id) FROM mark)-?1",
	[PUT_LAST] = ("INSERT INTO last VALUES(0,?1) ON CONFLICT(id) DO UPDATE SET seq=?1 "
		      "WHERE seq<?1"),
	[GET_LAST] = "SELECT seq FROM last",
	[GET_ROWS] = "SELECT * FROM request ORDER BY seq",
	[GET_DOCUMENT] = "SELECT bytes FROM document WHERE seq=?1",
	[GET_MARKS] = "SELECT word FROM mark ORDER BY id",
	[GET_OPEN] = "SELECT seq FROM request WHERE phase<?1",
	[COUNT_ROOM] = "SELECT count(*) FROM room",
};

struct store {
	char *path;
	sqlite3 *db;
	gsize room_bytes;
	GHashTable *open;		/* seq: requests whose end is not in the file */
	guint rooms;                    /* ends with room set aside: no fewer than OPEN has */
	sqlite3_stmt *statements[STATEMENTS];
};

static bool store_fail(const Store *s, const char *what, GError **error)
{
	int code = s->db ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
	enum vmm_error class = code == SQLITE_FULL ? VMM_ERROR_NO_SPACE : VMM_ERROR_INTERNAL;
	const char *why = s->db ? sqlite3_errmsg(s->db) : "no memory";
	int number = s->db ? sqlite3_system_errno(s->db) : 0;

	if (number)
		return vmm_fail(error, class, "cannot %s %s: %s (%s)", what, s->path, why,
				g_strerror(number));

	return vmm_fail(error, class, "cannot %s %s: %s", what, s->path, why);
}

static bool run_text(Store *s, const char *text)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK;
}

/* A statement that is ready to be bound; NULL: the file cannot be read. */
static sqlite3_stmt *prepared(Store *s, enum statement which)
{
	if (!s->statements[which])
		sqlite3_prepare_v3(s->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
				   &s->statements[which], NULL);
	return s->statements[which];
}

/* Runs a bound statement that returns no row. */
static bool step_statement(sqlite3_stmt *statement)
{
	int code = statement ? sqlite3_step(statement) : SQLITE_ERROR;

	if (!statement)
		return false;

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);

	return code == SQLITE_DONE;
}

static bool run_statement(Store *s, enum statement which, gint64 number)
{
	sqlite3_stmt *statement = prepared(s, which);

	if (statement && sqlite3_bind_parameter_count(statement))
		sqlite3_bind_int64(statement, 1, number);

	return step_statement(statement);
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(statement, at);
}

static bool put_row(Store *s, const struct row *row)
{
	sqlite3_stmt *statement = prepared(s, PUT_ROW);

	if (!statement)
		return false;

	sqlite3_bind_int64(statement, 1, (gint64)row->seq);
	sqlite3_bind_int64(statement, 2, row->accepted_s);
	bind_text(statement, 3, row->action);
	sqlite3_bind_int64(statement, 4, row->id);
	bind_text(statement, 5, row->deployment);
	sqlite3_bind_int(statement, 6, row->phase);
	bind_text(statement, 7, row->plan);
	sqlite3_bind_int64(statement, 8, row->step);
	bind_text(statement, 9, row->processes);
	bind_text(statement, 10, row->told);
	sqlite3_bind_int(statement, 11, row->success);
	sqlite3_bind_int(statement, 12, row->packed);
	bind_text(statement, 13, row->reply);

	return step_statement(statement);
}

static bool put_document(Store *s, const struct row *row)
{
	sqlite3_stmt *statement = prepared(s, PUT_DOCUMENT);
	gsize size;
	const void *bytes = g_bytes_get_data(row->document, &size);

	if (!statement)
		return false;

	sqlite3_bind_int64(statement, 1, (gint64)row->seq);
	sqlite3_bind_blob64(statement, 2, or_else(bytes, ""), size, SQLITE_STATIC);

	return step_statement(statement);
}

static void add_open(Store *s, guint64 seq)
{
	g_hash_table_add(s->open, g_memdup2(&seq, sizeof(seq)));
}

static bool put_change(Store *s, const struct row *row)
{
	if (row->phase >= ROW_ENDED) {
		g_hash_table_remove(s->open, &row->seq);
		if (!run_statement(s, DROP_DOCUMENT, (gint64)row->seq))
			return false;

		if (row->phase == ROW_DONE)
			return run_statement(s, DROP_ROW, (gint64)row->seq);

		return put_row(s, row);
	}

	add_open(s, row->seq);
	if (row->document && !put_document(s, row))
		return false;

	return put_row(s, row);
}

static bool put_all(Store *s, const GPtrArray *rows, guint64 last)
{
	for (guint i = 0; i < rows->len; i++)
		if (!put_change(s, g_ptr_array_index(rows, i)))
			return false;
	return run_statement(s, PUT_LAST, (gint64)last);
}

static bool drop_room(Store *s, guint left)
{
	guint surplus = s->rooms - MIN(s->rooms, left);

	s->rooms -= surplus;
	if (!surplus)
		return true;

	return run_statement(s, DROP_ROOM, surplus);
}

/*
 * Pages for what the ends of the open requests will say. That of one that has ended serves the
 * next one, so that in the long run nothing is written for it.
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
		if (!run_statement(s, ADD_ROOM, (gint64)s->room_bytes))
			return false;

	return true;
}

/* The transaction that has begun becomes valid, or nothing of it. */
static bool end_transaction(Store *s, bool ok, GError **error)
{
	if (ok && run_statement(s, COMMIT, 0))
		return true;

	store_fail(s, "write", error);
	run_statement(s, ROLLBACK, 0);

	return false;
}

/* What is open and what room there is, as the file has it. */
static bool count_room(Store *s)
{
	sqlite3_stmt *open = prepared(s, GET_OPEN), *rooms = prepared(s, COUNT_ROOM);
	bool ok;

	g_hash_table_remove_all(s->open);
	if (!open)
		return false;
	if (!rooms)
		return false;

	sqlite3_bind_int(open, 1, ROW_ENDED);
	while (sqlite3_step(open) == SQLITE_ROW)
		add_open(s, (guint64)sqlite3_column_int64(open, 0));

	sqlite3_reset(open);

	ok = sqlite3_step(rooms) == SQLITE_ROW;
	if (ok)
		s->rooms = (guint)sqlite3_column_int64(rooms, 0);

	sqlite3_reset(rooms);

	return ok;
}

static bool put_rows(Store *s, const GPtrArray *rows, guint64 last, GError **error)
{
	if (!run_statement(s, BEGIN, 0))
		return store_fail(s, "write", error);

	return end_transaction(s, put_all(s, rows, last) && adjust_room(s), error);
}

/* On a full disk: what ends gets the room that was set aside for it. */
static bool put_rows_into_room(Store *s, const GPtrArray *rows, guint64 last, GError **error)
{
	if (!count_room(s) || !run_statement(s, BEGIN, 0))
		return store_fail(s, "write", error);

	for (guint i = 0; i < rows->len; i++) {
		const struct row *row = g_ptr_array_index(rows, i);

		if (row->phase >= ROW_ENDED)
			g_hash_table_remove(s->open, &row->seq);
	}

	return end_transaction(s, drop_room(s, g_hash_table_size(s->open)) &&
			       put_all(s, rows, last) && adjust_room(s), error);
}

bool store_put(Store *s, const GPtrArray *rows, guint64 last, GError **error)
{
	g_autoptr(GError) cause = NULL;
	guint rooms = s->rooms;

	if (put_rows(s, rows, last, &cause)) {
		if (s->rooms > rooms)	/* the room is to be in the file, not in its log */
			run_text(s, "PRAGMA wal_checkpoint(PASSIVE)");

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

	if (!run_statement(s, BEGIN, 0))
		return store_fail(s, "write", error);

	g_hash_table_remove_all(s->open);
	ok = run_statement(s, DROP_ALL_ROWS, 0) && put_all(s, rows, last);
	ok = ok && run_statement(s, DROP_LOOSE_DOCUMENTS, 0) && adjust_room(s);

	return end_transaction(s, ok, error);
}

static char *column_text(sqlite3_stmt *statement, int at)
{
	return g_strdup((const char *)sqlite3_column_text(statement, at));
}

static struct row *take_row(sqlite3_stmt *statement)
{
	struct row *row = row_new();
	int phase = sqlite3_column_int(statement, 5);

	row->seq = (guint64)sqlite3_column_int64(statement, 0);
	row->accepted_s = sqlite3_column_int64(statement, 1);
	row->action = g_intern_string((const char *)sqlite3_column_text(statement, 2));
	row->id = sqlite3_column_int64(statement, 3);
	row->deployment = column_text(statement, 4);
	if (phase >= 0 && phase < ROW_DONE)
		row->phase = (enum row_phase)phase;
	else
		row->phase = ROW_WAITING;
	row->plan = column_text(statement, 6);
	row->step = (guint)sqlite3_column_int64(statement, 7);
	row->processes = column_text(statement, 8);
	row->told = column_text(statement, 9);
	row->success = sqlite3_column_int(statement, 10);
	row->packed = sqlite3_column_int(statement, 11);
	row->reply = column_text(statement, 12);

	return row;
}

GBytes *store_document(Store *s, guint64 seq)
{
	sqlite3_stmt *statement = prepared(s, GET_DOCUMENT);
	GBytes *document = NULL;

	if (!statement)
		return NULL;

	sqlite3_bind_int64(statement, 1, (gint64)seq);
	if (sqlite3_step(statement) == SQLITE_ROW)
		document = g_bytes_new(sqlite3_column_blob(statement, 0),
				       (gsize)sqlite3_column_bytes(statement, 0));
	sqlite3_reset(statement);

	return document;
}

guint64 store_last_seq(Store *s)
{
	sqlite3_stmt *statement = prepared(s, GET_LAST);
	guint64 last = 0;

	if (statement && sqlite3_step(statement) == SQLITE_ROW)
		last = (guint64)sqlite3_column_int64(statement, 0);
	if (statement)
		sqlite3_reset(statement);

	return last;
}

GPtrArray *store_rows(Store *s, GError **error)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);
	sqlite3_stmt *statement = prepared(s, GET_ROWS);
	int code = SQLITE_ERROR;

	while (statement && (code = sqlite3_step(statement)) == SQLITE_ROW)
		g_ptr_array_add(rows, take_row(statement));
	if (statement)
		sqlite3_reset(statement);
	if (code != SQLITE_DONE) {
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
	run_text(s, "PRAGMA user_version=1");
}

bool store_is_partial(Store *s)
{
	sqlite3_stmt *statement = NULL;
	bool partial = false;

	if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		partial = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);

	return partial;
}

bool store_mark(Store *s, const char *word, GError **error)
{
	sqlite3_stmt *statement = prepared(s, PUT_MARK);

	if (statement)
		bind_text(statement, 1, word);
	if (!step_statement(statement) || !run_statement(s, DROP_MARKS, MARKS))
		return store_fail(s, "write", error);

	return true;
}

GPtrArray *store_marks(Store *s, GError **error)
{
	g_autoptr(GPtrArray) marks = g_ptr_array_new_with_free_func(g_free);
	sqlite3_stmt *statement = prepared(s, GET_MARKS);
	int code = SQLITE_ERROR;

	while (statement && (code = sqlite3_step(statement)) == SQLITE_ROW)
		g_ptr_array_add(marks, column_text(statement, 0));
	if (statement)
		sqlite3_reset(statement);
	if (code == SQLITE_DONE)
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
		if (!run_text(s, sql))
			break;
	if (!sqlite3_get_autocommit(s->db))
		run_statement(s, ROLLBACK, 0);

	run_text(s, "PRAGMA wal_checkpoint(RESTART)");
}

static bool prepare_file(Store *s, gsize max_bytes)
{
	const gsize log_bytes = LOG_TIMES * PAGES_AHEAD * PAGE_BYTES;
	g_autofree char *limits = g_strdup_printf(
		"PRAGMA synchronous=FULL; PRAGMA cache_size=-%d; PRAGMA wal_autocheckpoint=0;"
		"PRAGMA journal_size_limit=%" G_GSIZE_FORMAT ";", CACHE_KIB,
		MAX(max_bytes, log_bytes));

	if (!run_text(s, "PRAGMA journal_mode=WAL") || !run_text(s, limits) ||
	    !run_text(s, schema))
		return false;

	if (size_of(s->path, "") > max_bytes)
		run_text(s, "VACUUM");

	set_pages_ahead(s);
	sqlite3_wal_autocheckpoint(s->db, CHECKPOINT_PAGES);

	return count_room(s);
}

static bool is_damaged(const Store *s)
{
	int code = s->db ? sqlite3_errcode(s->db) : SQLITE_OK;

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
	if (sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
		sqlite3_busy_timeout(s->db, BUSY_MS);

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

	if (prepared(s, GET_ROWS))
		return g_steal_pointer(&s);

	store_fail(s, "read", error);

	return NULL;
}

void store_close(Store *s)
{
	if (!s)
		return;

	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->statements[i]);

	sqlite3_close(s->db);
	g_hash_table_unref(s->open);
	g_free(s->path);
	g_free(s);
}
