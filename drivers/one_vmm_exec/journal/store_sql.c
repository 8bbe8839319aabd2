/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/store_sql.h"

#include "or_else.h"

/* Of the column "packed". */
enum { PACKED = 1, STALE = 2 };

const char store_sql_schema[] =
	"CREATE TABLE IF NOT EXISTS request(seq INTEGER PRIMARY KEY, accepted_s INTEGER, "
	" action TEXT, vm INTEGER, deployment TEXT, phase INTEGER, plan TEXT, step INTEGER, "
	" processes TEXT, told TEXT, success INTEGER, packed INTEGER, reply TEXT);"
	"CREATE TABLE IF NOT EXISTS document(seq INTEGER PRIMARY KEY, bytes BLOB);"
	"CREATE TABLE IF NOT EXISTS room(seq INTEGER PRIMARY KEY, bytes BLOB);"
	"CREATE TABLE IF NOT EXISTS mark(id INTEGER PRIMARY KEY, word TEXT);"
	"CREATE TABLE IF NOT EXISTS last(id INTEGER PRIMARY KEY, seq INTEGER);";

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
	[PUT_MARK] = ("INSERT INTO mark(word) SELECT ?1 "
		      "WHERE NOT EXISTS(SELECT 1 FROM mark WHERE word=?1)"),
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

void store_sql_close(struct store_sql *q)
{
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(q->prepared[i]);

	sqlite3_close(q->db);
}

bool store_sql_text(struct store_sql *q, const char *text)
{
	return sqlite3_exec(q->db, text, NULL, NULL, NULL) == SQLITE_OK;
}

sqlite3_stmt *store_sql_prepared(struct store_sql *q, enum store_statement which)
{
	if (!q->prepared[which])
		sqlite3_prepare_v3(q->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
				   &q->prepared[which], NULL);
	return q->prepared[which];
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

bool store_sql_run(struct store_sql *q, enum store_statement which, gint64 number)
{
	sqlite3_stmt *statement = store_sql_prepared(q, which);

	if (statement && sqlite3_bind_parameter_count(statement))
		sqlite3_bind_int64(statement, 1, number);

	return step_statement(statement);
}

bool store_sql_each(struct store_sql *q, enum store_statement which, gint64 number,
		    store_sql_func *func, void *data)
{
	sqlite3_stmt *statement = store_sql_prepared(q, which);
	int code;

	if (!statement)
		return false;

	if (sqlite3_bind_parameter_count(statement))
		sqlite3_bind_int64(statement, 1, number);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		func(statement, data);
	sqlite3_reset(statement);

	return code == SQLITE_DONE;
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(statement, at);
}

bool store_sql_put_row(struct store_sql *q, const struct row *row)
{
	sqlite3_stmt *statement = store_sql_prepared(q, PUT_ROW);

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
	sqlite3_bind_int(statement, 12, row->packed * PACKED + row->stale * STALE);
	bind_text(statement, 13, row->reply);

	return step_statement(statement);
}

bool store_sql_put_document(struct store_sql *q, const struct row *row)
{
	sqlite3_stmt *statement = store_sql_prepared(q, PUT_DOCUMENT);
	gsize size;
	const void *bytes = g_bytes_get_data(row->document, &size);

	if (!statement)
		return false;

	sqlite3_bind_int64(statement, 1, (gint64)row->seq);
	sqlite3_bind_blob64(statement, 2, or_else(bytes, ""), size, SQLITE_STATIC);

	return step_statement(statement);
}

bool store_sql_put_mark(struct store_sql *q, const char *word)
{
	sqlite3_stmt *statement = store_sql_prepared(q, PUT_MARK);

	if (statement)
		bind_text(statement, 1, word);

	return step_statement(statement);
}

char *store_sql_column(sqlite3_stmt *statement, int at)
{
	return g_strdup((const char *)sqlite3_column_text(statement, at));
}

struct row *store_sql_row(sqlite3_stmt *statement)
{
	struct row *row = row_new();
	int phase = sqlite3_column_int(statement, 5);
	int flags = sqlite3_column_int(statement, 11);

	row->seq = (guint64)sqlite3_column_int64(statement, 0);
	row->accepted_s = sqlite3_column_int64(statement, 1);
	row->action = g_intern_string((const char *)sqlite3_column_text(statement, 2));
	row->id = sqlite3_column_int64(statement, 3);
	row->deployment = store_sql_column(statement, 4);
	if (phase >= 0 && phase < ROW_DONE)
		row->phase = (enum row_phase)phase;
	else
		row->phase = ROW_WAITING;
	row->plan = store_sql_column(statement, 6);
	row->step = (guint)sqlite3_column_int64(statement, 7);
	row->processes = store_sql_column(statement, 8);
	row->told = store_sql_column(statement, 9);
	row->success = sqlite3_column_int(statement, 10);
	row->packed = flags & PACKED;
	row->stale = flags & STALE;
	row->reply = store_sql_column(statement, 12);

	return row;
}
