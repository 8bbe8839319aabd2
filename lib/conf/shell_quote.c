/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/shell_quote.h"

#include <string.h>

enum shell_reading shell_quote_unterminated(struct shell_parser *p, const char *at)
{
	p->fault = at;
	return SHELL_UNTERMINATED;
}

/* Nothing is special between single quotes, not even a backslash (POSIX 2.2.2). */
enum shell_reading shell_quote_single(struct shell_parser *p, GString *out)
{
	const char *open = p->p++;
	const char *close = memchr(p->p, '\'', (size_t)(p->end - p->p));

	if (!close)
		return shell_quote_unterminated(p, open);

	g_string_append_len(out, p->p, close - p->p);
	p->p = close + 1;

	return SHELL_PLAIN;
}

enum shell_reading shell_quote_close(struct shell_parser *p, const char *open, enum shell_reading r)
{
	if (r != SHELL_PLAIN)
		return r;
	if (p->p == p->end)
		return shell_quote_unterminated(p, open);

	p->p++;

	return SHELL_PLAIN;
}
