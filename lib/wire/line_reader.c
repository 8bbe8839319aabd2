/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/line_reader.h"

#include <stdbool.h>

enum { HEAD = 200, ROOM_KEPT = 1 << 20 };

struct line_reader {
	const struct line_reader_events *events;
	void *data;
	size_t max_line;
	GString *part;		/* a line whose end has not come */
	bool skipping;		/* the rest of a line that was too long */
};

LineReader *line_reader_new(size_t max_line, const struct line_reader_events *events, void *data)
{
	LineReader *r = g_new0(LineReader, 1);

	r->events = events;
	r->data = data;
	r->max_line = max_line;
	r->part = g_string_new(NULL);

	return r;
}

void line_reader_free(LineReader *r)
{
	if (!r)
		return;
	g_string_free(r->part, TRUE);
	g_free(r);
}

/* A NUL would end the line for us and not for who wrote it. */
static size_t drop_nuls(char *bytes, size_t len)
{
	char *first = memchr(bytes, '\0', len);
	size_t kept = len;

	if (first)
		kept = (size_t)(first - bytes);

	for (size_t i = kept; i < len; i++)
		if (bytes[i])
			bytes[kept++] = bytes[i];

	return kept;
}

/* What one long line took is given back. */
static void forget_part(LineReader *r)
{
	if (r->part->allocated_len > ROOM_KEPT) {
		g_string_free(r->part, TRUE);
		r->part = g_string_new(NULL);
	}

	g_string_truncate(r->part, 0);
}

/* LEN more bytes of the line at hand, of which no more is kept than may be. */
static void reader_add(LineReader *r, const char *bytes, size_t len)
{
	g_autofree char *head = NULL;

	if (r->skipping)
		return;

	g_string_append_len(r->part, bytes, (gssize)MIN(len, r->max_line + 1 - r->part->len));
	if (r->part->len <= r->max_line)
		return;

	r->skipping = true;
	head = g_strndup(r->part->str, HEAD);
	forget_part(r);
	r->events->too_long(r->data, head);
}

void line_reader_feed(LineReader *r, char *bytes, size_t len)
{
	char *end = bytes + drop_nuls(bytes, len), *nl;

	for (; (nl = memchr(bytes, '\n', (size_t)(end - bytes))); bytes = nl + 1) {
		reader_add(r, bytes, (size_t)(nl - bytes));
		if (!r->skipping)
			r->events->line(r->data, r->part->str);
		r->skipping = false;
		forget_part(r);
	}

	reader_add(r, bytes, (size_t)(end - bytes));
}
