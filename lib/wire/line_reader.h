/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_reader.h - lines out of a stream of bytes. What it keeps is bounded, and no more than what
 * it waits for the end of.
 */
#ifndef WIRE_LINE_READER_H
#define WIRE_LINE_READER_H

#include <glib.h>

typedef struct line_reader LineReader;

struct line_reader_events {
	/* A whole line, without its newline and without NULs; it may be changed. */
	void (*line)(void *data, char *line);
	/* A line is too long, and passed over: it begins with HEAD. */
	void (*too_long)(void *data, const char *head);
};

/* Lines of at most MAX_LINE bytes. EVENTS is borrowed. */
LineReader *line_reader_new(size_t max_line, const struct line_reader_events *events, void *data);
void line_reader_free(LineReader *reader);

/* Adds the stream's next LEN bytes, which it modifies; reports completed lines at once. */
void line_reader_feed(LineReader *reader, char *bytes, size_t len);

#endif
