/* SPDX-License-Identifier: Apache-2.0 */
/* progress_line.h - a line on a terminal: how much is done, how fast, how long it still takes. */
#ifndef BASE_PROGRESS_LINE_H
#define BASE_PROGRESS_LINE_H

#include <glib.h>
#include <stdbool.h>

struct progress_line {
	const char *what;	/* "converting" */
	guint64 total;		/* bytes; 0: not known, and then only the time is shown */
	gint64 started_us;	/* 0: not yet */
	gint64 shown_us;	/* when it was last written */
};

/* Writes it to stderr, at most five times a second. */
void progress_line_show(struct progress_line *line, guint64 done);

/* Takes it off the terminal. */
void progress_line_end(const struct progress_line *line);

#endif
