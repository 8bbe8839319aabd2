/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_sql.h - what SQLite is given for a store: the tables, the statements, each prepared when it
 * is first used, and rows as the tables have them.
 */
#ifndef ONE_VMM_EXEC_STORE_SQL_H
#define ONE_VMM_EXEC_STORE_SQL_H

#include <sqlite3.h>

#include "journal/row.h"

enum store_statement {
	BEGIN, COMMIT, ROLLBACK, PUT_ROW, PUT_DOCUMENT, ADD_ROOM, DROP_ROW, DROP_DOCUMENT,
	DROP_ROOM, DROP_ALL_ROWS, DROP_LOOSE_DOCUMENTS, PUT_MARK, DROP_MARKS, PUT_LAST,
	GET_LAST, GET_ROWS, GET_DOCUMENT, GET_MARKS, GET_OPEN, COUNT_ROOM,
	STATEMENTS,
};

extern const char store_sql_schema[];

struct store_sql {
	sqlite3 *db;
	sqlite3_stmt *prepared[STATEMENTS];	/* NULL: not used yet */
};

/* Ends all statements and closes the file. */
void store_sql_close(struct store_sql *q);

/* Runs statements that nobody prepares. */
bool store_sql_text(struct store_sql *q, const char *text);

/* WHICH, ready to be bound; NULL: the file cannot be read. */
sqlite3_stmt *store_sql_prepared(struct store_sql *q, enum store_statement which);

/* Runs WHICH, which gives no row; NUMBER is its parameter, if it has one. */
bool store_sql_run(struct store_sql *q, enum store_statement which, gint64 number);

typedef void store_sql_func(sqlite3_stmt *statement, void *data);

/* Calls FUNC for each row that WHICH gives, with NUMBER as above. False: not all could be read. */
bool store_sql_each(struct store_sql *q, enum store_statement which, gint64 number,
		    store_sql_func *func, void *data);

bool store_sql_put_row(struct store_sql *q, const struct row *row);
bool store_sql_put_document(struct store_sql *q, const struct row *row);
bool store_sql_put_mark(struct store_sql *q, const char *word);

/* The row, without its document, and the text that a statement is at. The caller frees. */
struct row *store_sql_row(sqlite3_stmt *statement);
char *store_sql_column(sqlite3_stmt *statement, int at);

#endif
