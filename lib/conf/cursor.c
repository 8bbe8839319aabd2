/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/cursor.h"

#include <string.h>

enum { SHOWN = 24 };

static size_t rest_of_line(const struct shell_parser *p, const char *at)
{
	const char *newline = memchr(at, '\n', (size_t)(p->end - at));

	if (newline)
		return (size_t)(newline - at);

	return (size_t)(p->end - at);
}

void cursor_note(const struct shell_parser *p, GPtrArray *list, const char *what, const char *at)
{
	size_t line = 1, column = 1, rest = rest_of_line(p, at);
	g_autofree char *token = g_utf8_make_valid(at, (gssize)MIN(rest, (size_t)SHOWN));
	const char *more = "";

	if (rest > SHOWN)
		more = "…";

	/* An editor counts characters: a byte that continues one in UTF-8 takes no column. */
	for (const char *c = p->start; c < at; c++)
		if (*c == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*c & 0xc0) != 0x80) {
			column++;
		}

	g_ptr_array_add(list, g_strdup_printf("%s:%zu:%zu: %s '%s%s'", p->name, line, column, what,
					      token, more));
}

bool cursor_is_in(int c, const char *set)
{
	if (!c)
		return false;
	return strchr(set, c);
}

int cursor_peek(const struct shell_parser *p, size_t ahead)
{
	if ((size_t)(p->end - p->p) > ahead)
		return (unsigned char)p->p[ahead];
	return '\0';
}

bool cursor_ends_at(const struct shell_parser *p, size_t ahead, const char *set)
{
	int c = cursor_peek(p, ahead);

	if (!c)
		return true;

	return cursor_is_in(c, set);
}

bool cursor_is_over(const struct shell_parser *p, const char *ends)
{
	if (p->p >= p->end)
		return true;

	return cursor_is_in(*p->p, ends);
}

bool cursor_at_pair(const struct shell_parser *p, char first, char second)
{
	if (cursor_peek(p, 0) != first)
		return false;

	return cursor_peek(p, 1) == second;
}

bool cursor_at_joined_line(const struct shell_parser *p)
{
	return cursor_at_pair(p, '\\', '\n');
}

void cursor_skip_byte(struct shell_parser *p)
{
	bool escape = *p->p == '\\';

	p->p++;
	if (escape && p->p < p->end)
		p->p++;
}

static bool is_name_start(int c)
{
	if (g_ascii_isalpha(c))
		return true;
	return c == '_';
}

static bool is_name_byte(int c)
{
	if (g_ascii_isalnum(c))
		return true;
	return c == '_';
}

size_t cursor_name_length(const struct shell_parser *p)
{
	size_t n = 0;

	if (!is_name_start(cursor_peek(p, 0)))
		return 0;

	while (is_name_byte(cursor_peek(p, n)))
		n++;

	return n;
}

void cursor_skip_blanks(struct shell_parser *p)
{
	for (;; p->p++) {
		if (cursor_at_joined_line(p))
			p->p++;
		else if (!cursor_is_in(cursor_peek(p, 0), " \t"))
			break;
	}

	if (cursor_peek(p, 0) == '#')
		while (!cursor_is_over(p, "\n"))
			p->p++;
}

bool cursor_at_end(const struct shell_parser *p)
{
	return cursor_is_over(p, "\n;");
}

bool cursor_at_word(const struct shell_parser *p, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(p->end - p->p) < n)
		return false;
	if (memcmp(p->p, text, n))
		return false;

	return cursor_ends_at(p, n, " \t\n;()");
}
