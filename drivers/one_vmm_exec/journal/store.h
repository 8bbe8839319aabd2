/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - one file of the journal: an SQLite database of the requests that have not come to
 * their end. One thread at a time uses a store.
 *
 * WAL with synchronous=FULL: what store_put() has returned true for survives a power cut. Pages
 * for the ends of all requests are in the file, and in its log, before a request is: a full disk
 * does not keep an end from being written. Source: sqlite.org, "Write-Ahead Logging".
 */
#ifndef ONE_VMM_EXEC_STORE_H
#define ONE_VMM_EXEC_STORE_H

#include "base/error.h"
#include "journal/row.h"

typedef struct store Store;

/*
 * Opens PATH, made with mode 0600 when it is not there. ROOM_BYTES are set aside for the end of
 * each request. A file larger than MAX_BYTES is made small. A damaged file is renamed to
 * "PATH.damaged" and RET_DAMAGED (or NULL) set. Errors: as errno says, or VMM_ERROR_INTERNAL.
 */
Store *store_open(const char *path, gsize max_bytes, gsize room_bytes, bool *ret_damaged,
		  GError **error);

/* As store_open(), to be read only; another process may have it open. */
Store *store_open_to_read(const char *path, GError **error);
void store_close(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_close)

/*
 * In one transaction: ROWS (of struct row) become what they are now, and LAST is remembered as
 * the largest number of a request so far. False: nothing was changed.
 */
bool store_put(Store *store, const GPtrArray *rows, guint64 last, GError **error);

/* As store_put(), and no other request stays. */
bool store_replace(Store *store, const GPtrArray *rows, guint64 last, GError **error);

/* All requests in the order of arrival, of struct row, with their documents. Caller unrefs. */
GPtrArray *store_rows(Store *store, GError **error);

/* What store_put() was last told; 0: nothing. */
guint64 store_last_seq(Store *store);

/* The document of request SEQ; NULL: there is none. The caller unrefs. */
GBytes *store_document(Store *store, guint64 seq);

/*
 * A spare store that was begun while the journal's own could not be read is PARTIAL: what an
 * earlier driver left is not in it.
 */
void store_set_partial(Store *store);
bool store_is_partial(Store *store);

/* Remembers WORD, which marks our sessions on hosts; the last ones are kept. */
bool store_mark(Store *store, const char *word, GError **error);

/* The marks, oldest first. The caller unrefs. */
GPtrArray *store_marks(Store *store, GError **error);

#endif
