/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/cfg_position.h"

#include <libconfig.h>

static bool ends_line(char c)
{
	if (!c)
		return true;
	return c == '\n';
}

/* libconfig's names, numbers and switches. */
static bool is_bare(char c)
{
	if (!c)
		return false;
	if (g_ascii_isalnum(c))
		return true;

	return strchr("_-+.*", c);
}

/* Its closing quote may be missing: that is often the fault which is looked for. */
static size_t quoted_length(const char *text)
{
	size_t n = 1;

	while (!ends_line(text[n]) && text[n] != '"') {
		if (text[n] == '\\' && !ends_line(text[n + 1]))
			n++;
		n++;
	}

	if (text[n] == '"')
		return n + 1;

	return n;
}

/* The length of the token that begins at TEXT, which is neither blank nor the line's end. */
static size_t token_length(const char *text)
{
	size_t n = 1;

	if (*text == '"')
		return quoted_length(text);
	if (!is_bare(*text))
		return n;

	while (is_bare(text[n]))
		n++;

	return n;
}

static bool is_comment(const char *text)
{
	if (*text == '#')
		return true;
	if (text[0] != '/')
		return false;

	return text[1] == '/' || text[1] == '*';
}

static const char *line_start(const char *text, int line)
{
	for (; line > 1 && (text = strchr(text, '\n')); line--)
		text++;
	if (text)
		return text;

	return "";
}

/* The line of the first fault, or 0. */
static int fault_line(const char *text)
{
	config_t c;
	int line = 0;

	config_init(&c);
	if (!config_read_string(&c, text))
		line = config_error_line(&c);
	config_destroy(&c);

	return line;
}

/* libconfig treats a newline as a blank: with one token per line, the line identifies the token. */
char *cfg_position_fault(const char *text, int line, int *ret_column)
{
	const char *start = line_start(text, line), *p = start;
	g_autoptr(GString) split = g_string_new_len(text, start - text);
	g_autoptr(GPtrArray) tokens = g_ptr_array_new();
	guint at;

	for (p += strspn(p, " \t\r"); !ends_line(*p) && !is_comment(p); p += strspn(p, " \t\r")) {
		size_t n = token_length(p);

		g_ptr_array_add(tokens, (char *)p);
		g_string_append_len(split, p, (gssize)n);
		g_string_append_c(split, '\n');
		p += n;
	}

	at = (guint)MAX(0, fault_line(split->str) - line);
	if (at < tokens->len)
		p = tokens->pdata[at];
	*ret_column = (int)(p - start) + 1;
	if (at < tokens->len)
		return g_strndup(p, token_length(p));

	return g_strdup("");
}
