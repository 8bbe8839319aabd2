/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noted_rows.h - what an earlier driver left: the rows of its file, with what its notes say of them
 * that the file had not heard yet.
 */
#ifndef ONE_VMM_EXEC_NOTED_ROWS_H
#define ONE_VMM_EXEC_NOTED_ROWS_H

#include "journal/notes.h"

/* The newest numbers of requests that the files had; G_MAXUINT64: it cannot be read. */
struct noted_files {
	guint64 journal, spare;
};

/* Whether none of FILES had request SEQ, or its end: only notes can tell of it. */
bool noted_only(const Notes *notes, guint64 seq, const struct noted_files *files);

/*
 * Copies of ROWS and, behind them, of the requests in NOTES that are in none of FILES: that driver
 * was killed before the disk had those. A row whose reply arrived is ROW_DONE. The caller unrefs.
 */
GPtrArray *noted_rows(const Notes *notes, const GPtrArray *rows, const struct noted_files *files);

#endif
