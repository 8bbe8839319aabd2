/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history_file.h - the usage of one VM or host over time, in an SQLite file as OpenNebula's
 * forecasts read it: a table for each figure.
 *
 * Calls take as long as the disk does.
 * Source: docs/facts/monitoring.md 9.
 */
#ifndef WATCH_HISTORY_FILE_H
#define WATCH_HISTORY_FILE_H

#include "base/error.h"

/* A figure at one time. */
struct history_sample {
	const char *figure;	/* "netrx"; static */
	gint64 time_s;		/* since 1970 */
	double value;
};

struct history_series {
	char *entity;		/* "virtualmachine_7": tables are called so */
	char *file;		/* its name: "7.db" */
	bool is_host;		/* whose tables have another type of time */
	GArray *samples;	/* struct history_sample */
};

/*
 * Adds the samples of SERIES to its file in DIRECTORY, all or none, and removes what is older than
 * WEEKS, or more than a day in the future. A file that is no database is put aside as FILE.damaged.
 * False: nothing was added; VMM_ERROR_BUSY: another program has it locked; VMM_ERROR_PERMISSION:
 * the file, or DIRECTORY, is another user's.
 */
bool history_file_add(const char *directory, const struct history_series *series, unsigned weeks,
		      GError **error);

/* Removes such files of ours in DIRECTORY, and damaged ones, not written for six weeks. */
void history_file_clean(const char *directory);

#endif
