/* SPDX-License-Identifier: Apache-2.0 */
/* reader - lines from oned, in pieces of any size: the same come out, none longer than may be. */
#include "wire/oned_line.h"
#include "wire/line_reader.h"

enum { MAX_LINE = 64 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void on_line(void *data, char *text)
{
	struct oned_line line = { 0 };

	g_assert(strlen(text) <= MAX_LINE && !strchr(text, '\n'));
	g_string_append_printf(data, "%s\n", text);
	if (oned_line_parse(text, &line, NULL)) {
		g_assert(*line.action && (!line.payload || *line.payload));
		oned_line_clear(&line);
	}
}

static void on_too_long(void *data, const char *head)
{
	g_assert(strlen(head) == MAX_LINE + 1);
	g_string_append_printf(data, "%s…\n", head);
}

/* What comes out of BYTES in pieces whose sizes are those of its own bytes, or in one. */
static GString *read_all(const unsigned char *bytes, size_t size, bool whole)
{
	static const struct line_reader_events events = { on_line, on_too_long };
	GString *lines = g_string_new(NULL);
	LineReader *reader = line_reader_new(MAX_LINE, &events, lines);

	for (size_t at = 0, len; at < size; at += len) {
		len = whole ? size : MIN((size_t)bytes[at] % 32 + 1, size - at);
		g_autofree char *piece = g_memdup2(bytes + at, len);	/* its end is seen */

		line_reader_feed(reader, piece, len);
	}
	line_reader_free(reader);
	return lines;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autoptr(GString) whole = read_all(data, size, true);
	g_autoptr(GString) pieces = read_all(data, size, false);

	g_assert_cmpstr(whole->str, ==, pieces->str);
	return 0;
}
