/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oned_output.h - writes to oned: whole lines, in order, without blocking.
 *
 * Source: docs/facts/protocol.md 3.2.
 */
#ifndef ONE_VMM_EXEC_ONED_OUTPUT_H
#define ONE_VMM_EXEC_ONED_OUTPUT_H

#include "driver_log.h"

typedef struct oned_output OnedOutput;

/* What became of the reply with number SEQ. Called from the loop, each once, in this order. */
struct oned_output_events {
	void (*sent)(void *data, guint64 seq);		/* it was written */
	void (*read)(void *data, guint64 seq);		/* and read */
	void (*unread)(void *data, guint64 seq);	/* not read, at oned_output_free() */
};

/* Writes to descriptor FD; texts are cut to MAX_TEXT bytes. LOG (borrowed) gets them too. */
OnedOutput *oned_output_new(int fd, size_t max_text, DriverLog *log);

/* EVENTS are borrowed. */
void oned_output_listen(OnedOutput *out, const struct oned_output_events *events, void *data);

/* Writes what it can of what is left, waiting at most a second for it to be read. */
void oned_output_free(OnedOutput *out);

/* "INIT SUCCESS - -", alone: oned reads it with one read(). */
void oned_init(OnedOutput *out);

/*
 * "ACTION SUCCESS|FAILURE ID INFO"; an INFO of blanks becomes "-", NULL stays empty. What becomes
 * of the reply is reported for SEQ, unless that is 0.
 */
void oned_reply(OnedOutput *out, const char *action, bool success, gint64 id, const char *info,
		guint64 seq);

/* "LOG S ID TEXT", S one of E, W, I, D. Nothing when the text is empty. */
void oned_log(OnedOutput *out, char severity, gint64 id, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

#endif
