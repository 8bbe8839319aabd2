/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noted_rows.h - what an earlier driver left: the rows of its file, with what its notes say of them
 * that the file had not heard yet.
 */
#ifndef ONE_VMM_EXEC_NOTED_ROWS_H
#define ONE_VMM_EXEC_NOTED_ROWS_H

#include "journal/notes.h"

/*
 * Copies of ROWS and, behind them, of the requests in NOTES above LAST, the file's newest number:
 * that driver was killed before the disk had those. The caller unrefs.
 */
GPtrArray *noted_rows(const Notes *notes, const GPtrArray *rows, guint64 last);

#endif
