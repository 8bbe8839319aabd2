/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/shell_skip.h"

#include <string.h>

/* Words that begin and end what is skipped as a whole. */
static int block_change(const struct shell_parser *p)
{
	static const char *const openers[] = {
		"if", "case", "for", "while", "until", "select", "{"
	};
	static const char *const closers[] = { "fi", "esac", "done", "}" };

	for (size_t i = 0; i < G_N_ELEMENTS(openers); i++)
		if (cursor_at_word(p, openers[i]))
			return 1;
	for (size_t i = 0; i < G_N_ELEMENTS(closers); i++)
		if (cursor_at_word(p, closers[i]))
			return -1;

	return 0;
}

static enum shell_reading skip_double_quoted(struct shell_parser *p);

/* What is between the parentheses of a "$(…)". */
static enum shell_reading skip_substitution(struct shell_parser *p)
{
	g_autoptr(GString) ignored = g_string_new(NULL);
	enum shell_reading r = SHELL_PLAIN;
	int parens = 0;

	do {
		int c = *p->p;

		parens += (c == '(') - (c == ')');
		if (c == '\'')
			r = shell_quote_single(p, ignored);
		else if (c == '"')
			r = skip_double_quoted(p);
		else
			cursor_skip_byte(p);

		if (!parens)
			break;
	} while (r == SHELL_PLAIN && p->p < p->end);

	return r;
}

/* "$(…)" between double quotes has quotes of its own, which do not end the outer ones. */
static enum shell_reading skip_double_quoted(struct shell_parser *p)
{
	const char *open = p->p++;
	enum shell_reading r = SHELL_PLAIN;

	if (++p->depth > SHELL_MAX_DEPTH)
		r = shell_quote_unterminated(p, open);
	while (r == SHELL_PLAIN && !cursor_is_over(p, "\""))
		if (cursor_at_pair(p, '$', '(')) {
			p->p++;
			r = skip_substitution(p);
		} else {
			cursor_skip_byte(p);
		}
	p->depth--;

	return shell_quote_close(p, open, r);
}

/* A function's body or a subshell has statements of its own, which do not end the instruction. */
static bool at_end_of_instruction(const struct shell_parser *p, int parens)
{
	if (p->p >= p->end)
		return true;
	if (parens > 0)
		return false;

	return cursor_at_end(p);
}

/* Within a word a '#' is a plain byte: "${a#b}", "x#y". */
static bool at_comment(const struct shell_parser *p)
{
	if (*p->p != '#')
		return false;
	if (p->p == p->start)
		return false;

	return strchr(" \t\n", p->p[-1]);
}

enum shell_reading shell_skip_instruction(struct shell_parser *p)
{
	g_autoptr(GString) ignored = g_string_new(NULL);
	enum shell_reading r = SHELL_PLAIN;
	bool at_word = true;
	int parens = 0;

	p->apply = false;
	while (r == SHELL_PLAIN && !at_end_of_instruction(p, parens)) {
		int c = *p->p;

		if (at_word)
			p->blocks = MAX(0, p->blocks + block_change(p));
		at_word = cursor_is_in(c, " \t;&|(){}\n");
		parens += (c == '(') - (c == ')' && parens > 0);

		if (cursor_at_pair(p, '<', '<'))
			p->p = p->end;		/* its text could be anything */
		else if (at_comment(p))
			cursor_skip_blanks(p);
		else if (c == '\'')
			r = shell_quote_single(p, ignored);
		else if (c == '"')
			r = skip_double_quoted(p);
		else
			cursor_skip_byte(p);
	}

	return r;
}
