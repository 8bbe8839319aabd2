/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/shell_subset.h"

#include <string.h>

#include "conf/cursor.h"

enum { MAX_DEPTH = 32 };

/* How a piece of text was read. */
enum reading { PLAIN, INSTRUCTION, UNTERMINATED };

static enum reading expansion(struct shell_parser *p, GString *out, bool quoted);

static void shell_var_free(void *data)
{
	struct rc_var *var = data;

	g_free(var->value);
	g_free(var);
}

void shell_text_init(struct rc_text *text)
{
	text->vars = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, shell_var_free);
	text->faults = g_ptr_array_new_with_free_func(g_free);
	text->instructions = g_ptr_array_new_with_free_func(g_free);
}

void shell_text_clear(struct rc_text *text)
{
	g_clear_pointer(&text->vars, g_hash_table_unref);
	g_clear_pointer(&text->faults, g_ptr_array_unref);
	g_clear_pointer(&text->instructions, g_ptr_array_unref);
}

/* A shell exports a variable that it inherited, also when the file assigns to it anew. */
static struct rc_var *var_of(struct shell_parser *p, const char *name)
{
	struct rc_var *var = g_hash_table_lookup(p->text->vars, name);

	if (!var) {
		var = g_new0(struct rc_var, 1);
		var->exported = g_getenv(name) != NULL;
		g_hash_table_insert(p->text->vars, g_strdup(name), var);
	}

	return var;
}

static const char *value_of(const struct shell_parser *p, const char *name)
{
	const struct rc_var *var = g_hash_table_lookup(p->text->vars, name);

	if (!var)
		return g_getenv(name);
	if (var->value)
		return var->value;
	if (var->unset)
		return NULL;

	/* "export NAME" alone leaves the value that the environment gives. */
	return g_getenv(name);
}

static const char *value_or_empty(const struct shell_parser *p, const char *name)
{
	const char *value = value_of(p, name);

	if (value)
		return value;

	return "";
}

static void assign(struct shell_parser *p, const char *name, const char *value, bool append)
{
	struct rc_var *var = var_of(p, name);
	const char *old = "";
	g_autofree char *whole = NULL;

	if (append)
		old = value_or_empty(p, name);
	whole = g_strconcat(old, value, NULL);

	g_free(var->value);
	var->value = g_steal_pointer(&whole);
	var->unset = false;
}

static enum reading unterminated(struct shell_parser *p, const char *at)
{
	p->fault = at;
	return UNTERMINATED;
}

/* Nothing is special between single quotes, not even a backslash (POSIX 2.2.2). */
static enum reading single_quoted(struct shell_parser *p, GString *out)
{
	const char *open = p->p++;
	const char *close = memchr(p->p, '\'', (size_t)(p->end - p->p));

	if (!close)
		return unterminated(p, open);

	g_string_append_len(out, p->p, close - p->p);
	p->p = close + 1;

	return PLAIN;
}

/* Passes the quote that closes the one at OPEN. R: how the text between them was read. */
static enum reading close_quote(struct shell_parser *p, const char *open, enum reading r)
{
	if (r != PLAIN)
		return r;
	if (p->p == p->end)
		return unterminated(p, open);

	p->p++;

	return PLAIN;
}

/* Only before one of these is a backslash more than itself between double quotes (POSIX 2.2.3). */
static bool escapes_in_quotes(const struct shell_parser *p)
{
	if (*p->p != '\\')
		return false;

	return cursor_is_in(cursor_peek(p, 1), "$`\"\\");
}

static enum reading double_quoted_part(struct shell_parser *p, GString *out)
{
	if (*p->p == '`')
		return INSTRUCTION;
	if (*p->p == '$')
		return expansion(p, out, true);

	if (cursor_at_joined_line(p)) {
		p->p += 2;
		return PLAIN;
	}

	if (escapes_in_quotes(p))
		p->p++;
	g_string_append_c(out, *p->p++);

	return PLAIN;
}

static enum reading double_quoted(struct shell_parser *p, GString *out)
{
	const char *open = p->p++;
	enum reading r = PLAIN;

	while (r == PLAIN && !cursor_is_over(p, "\""))
		r = double_quoted_part(p, out);

	return close_quote(p, open, r);
}

/*
 * Pipes, lists, redirections, arrays and subshells need a shell. Between quotes
 * all but the backquote are plain bytes. No shell keeps a NUL byte in a value.
 */
static bool needs_shell(int c, bool quoted)
{
	if (c == '\0')
		return true;
	if (c == '`')
		return true;
	if (quoted)
		return false;

	return cursor_is_in(c, "&|<>()");
}

static enum reading word_part(struct shell_parser *p, GString *out, bool quoted)
{
	int c = *p->p;

	if (needs_shell(c, quoted))
		return INSTRUCTION;
	if (c == '\'' && !quoted)
		return single_quoted(p, out);
	if (c == '"')
		return double_quoted(p, out);
	if (c == '$')
		return expansion(p, out, quoted);

	if (cursor_at_joined_line(p)) {
		p->p += 2;
		return PLAIN;
	}

	/* A backslash that nothing follows is itself. */
	if (c == '\\' && p->p + 1 < p->end)
		p->p++;
	g_string_append_c(out, *p->p++);

	return PLAIN;
}

/* Reads up to what ENDS says, a string of bytes; the end of the text is an end too. */
static enum reading word(struct shell_parser *p, GString *out, const char *ends, bool quoted)
{
	enum reading r = PLAIN;

	while (r == PLAIN && !cursor_is_over(p, ends))
		r = word_part(p, out, quoted);

	return r;
}

/* With a colon before the operator an empty value is treated as none (POSIX 2.6.2). */
static bool has_value(const char *value, bool colon)
{
	if (!value)
		return false;
	if (*value)
		return true;

	return !colon;
}

/* An assignment within a word that is not used, "${A:-${B:=x}}", has no effect. */
static enum reading brace_word(struct shell_parser *p, GString *out, bool quoted, bool apply)
{
	bool was = p->apply;
	enum reading r;

	p->apply = apply;
	r = word(p, out, "}", quoted);
	p->apply = was;

	if (r != PLAIN)
		return r;
	if (p->p == p->end)
		return UNTERMINATED;

	p->p++;

	return PLAIN;
}

/* After "${NAME": the operator, its word, the brace. */
static enum reading braced(struct shell_parser *p, GString *out, const char *name, bool quoted)
{
	/* A copy: the word may assign to NAME. */
	g_autofree char *value = g_strdup(value_of(p, name));
	g_autoptr(GString) other = g_string_new(NULL);
	bool colon = cursor_peek(p, 0) == ':';
	bool use_word, apply_word;
	int op = cursor_peek(p, colon);
	enum reading r;

	if (op == '}' && !colon) {
		p->p++;
		if (value)
			g_string_append(out, value);
		return PLAIN;
	}

	if (!cursor_is_in(op, "-=+"))
		return INSTRUCTION;

	p->p += 1 + colon;
	use_word = has_value(value, colon) == (op == '+');
	apply_word = p->apply && use_word;

	r = brace_word(p, other, quoted, apply_word);
	if (r != PLAIN)
		return r;

	if (use_word)
		g_string_append(out, other->str);
	else if (op != '+')
		g_string_append(out, value);
	if (op == '=' && apply_word)
		assign(p, name, other->str, false);

	return PLAIN;
}

/* A '$' and what belongs to it; one that begins nothing is itself. */
static enum reading expansion(struct shell_parser *p, GString *out, bool quoted)
{
	const char *at = p->p++;
	bool brace = cursor_peek(p, 0) == '{';
	g_autofree char *name = NULL;
	enum reading r;
	size_t n;

	p->p += brace;
	n = cursor_name_length(p);

	/* "$(", "$1", "$?", "$'" and "${#NAME}" are a shell's. */
	if (!n) {
		if (brace || !cursor_ends_at(p, 0, " \t\n;\""))
			return INSTRUCTION;
		g_string_append_c(out, '$');
		return PLAIN;
	}

	if (p->depth >= MAX_DEPTH)
		return INSTRUCTION;

	name = g_strndup(p->p, n);
	p->p += n;

	if (!brace) {
		g_string_append(out, value_or_empty(p, name));
		return PLAIN;
	}

	p->depth++;
	r = braced(p, out, name, quoted);
	p->depth--;

	if (r == UNTERMINATED && !p->fault)
		p->fault = at;

	return r;
}

static void tilde(struct shell_parser *p, GString *out)
{
	const char *home = value_of(p, "HOME");

	if (cursor_peek(p, 0) != '~')
		return;

	/* "~USER" asks the password file: the text stays as it is. */
	if (!cursor_ends_at(p, 1, "/ \t\n;"))
		return;

	if (!home)
		home = "~";
	g_string_append(out, home);
	p->p++;
}

/* A word that assigns nothing: a command's name, or what "export" marks. */
static enum reading bare_name(struct shell_parser *p, const char *name, bool export)
{
	if (!export)
		return INSTRUCTION;
	if (!cursor_ends_at(p, 0, " \t\n;"))
		return INSTRUCTION;

	if (p->apply)
		var_of(p, name)->exported = true;

	return PLAIN;
}

/* "NAME=value" or "NAME+=value"; with EXPORT also "NAME". */
static enum reading assignment(struct shell_parser *p, bool export)
{
	g_autoptr(GString) value = g_string_new(NULL);
	size_t n = cursor_name_length(p);
	g_autofree char *name = g_strndup(p->p, n);
	enum reading r;
	bool append;

	p->p += n;
	append = cursor_at_pair(p, '+', '=');

	if (!n)
		return INSTRUCTION;
	if (cursor_peek(p, 0) != '=' && !append)
		return bare_name(p, name, export);

	p->p += 1 + append;
	tilde(p, value);
	r = word(p, value, " \t\n;", false);

	if (r != PLAIN || !p->apply)
		return r;

	assign(p, name, value->str, append);
	if (export)
		var_of(p, name)->exported = true;

	return PLAIN;
}

/* Kept in the table: a program that is run must not inherit it from the environment either. */
static void unset(struct shell_parser *p, const char *name)
{
	struct rc_var *var = var_of(p, name);

	g_clear_pointer(&var->value, g_free);
	var->unset = true;
	var->exported = false;
}

enum command { NOTHING, ASSIGN, EXPORT, UNSET };

/*
 * Commands that only change variables, or nothing. "set" may switch on -e or -x, which
 * have no effect on assignments.
 */
static enum command command(struct shell_parser *p)
{
	static const struct {
		const char *words;
		enum command command;
	} commands[] = {
		{ "export", EXPORT }, { "readonly", ASSIGN }, { "declare -x", EXPORT },
		{ "typeset -x", EXPORT }, { "unset", UNSET }, { "set", NOTHING },
		{ ":", NOTHING }, { "true", NOTHING },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		if (cursor_at_word(p, commands[i].words)) {
			p->p += strlen(commands[i].words);
			return commands[i].command;
		}

	return ASSIGN;
}

static enum reading operand(struct shell_parser *p, enum command c)
{
	g_autoptr(GString) text = g_string_new(NULL);
	enum reading r;
	size_t n;

	if (c == ASSIGN || c == EXPORT)
		return assignment(p, c == EXPORT);

	n = cursor_name_length(p);
	r = word(p, text, " \t\n;", false);

	if (r != PLAIN || c == NOTHING)
		return r;
	if (!n || n != text->len)
		return INSTRUCTION;
	if (p->apply)
		unset(p, text->str);

	return PLAIN;
}

/* Several assignments may be on one line, with one command for all of them. */
static enum reading statement(struct shell_parser *p, bool apply)
{
	enum command c;
	enum reading r = PLAIN;

	p->apply = apply;
	c = command(p);
	cursor_skip_blanks(p);

	while (r == PLAIN && !cursor_at_end(p)) {
		r = operand(p, c);
		cursor_skip_blanks(p);
	}

	return r;
}

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

static enum reading skip_double_quoted(struct shell_parser *p);

/* What is between the parentheses of a "$(…)". */
static enum reading skip_substitution(struct shell_parser *p)
{
	g_autoptr(GString) ignored = g_string_new(NULL);
	enum reading r = PLAIN;
	int parens = 0;

	do {
		int c = *p->p;

		parens += (c == '(') - (c == ')');
		if (c == '\'')
			r = single_quoted(p, ignored);
		else if (c == '"')
			r = skip_double_quoted(p);
		else
			cursor_skip_byte(p);

		if (!parens)
			break;
	} while (r == PLAIN && p->p < p->end);

	return r;
}

/* "$(…)" between double quotes has quotes of its own, which do not end the outer ones. */
static enum reading skip_double_quoted(struct shell_parser *p)
{
	const char *open = p->p++;
	enum reading r = PLAIN;

	if (++p->depth > MAX_DEPTH)
		r = unterminated(p, open);
	while (r == PLAIN && !cursor_is_over(p, "\""))
		if (cursor_at_pair(p, '$', '(')) {
			p->p++;
			r = skip_substitution(p);
		} else {
			cursor_skip_byte(p);
		}
	p->depth--;

	return close_quote(p, open, r);
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

/* Passes one instruction, to the end of its line or its ';'. */
static enum reading skip_instruction(struct shell_parser *p)
{
	g_autoptr(GString) ignored = g_string_new(NULL);
	enum reading r = PLAIN;
	bool at_word = true;
	int parens = 0;

	p->apply = false;
	while (r == PLAIN && !at_end_of_instruction(p, parens)) {
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
			r = single_quoted(p, ignored);
		else if (c == '"')
			r = skip_double_quoted(p);
		else
			cursor_skip_byte(p);
	}

	return r;
}

void shell_subset_parse(struct rc_text *text, const char *name, const char *source, size_t len)
{
	struct shell_parser p = { .text = text, .name = name, .start = source, .p = source,
			    .end = source + len };
	enum reading r = PLAIN;

	while (r != UNTERMINATED) {
		const char *at;

		cursor_skip_blanks(&p);
		if (p.p == p.end)
			break;
		if (cursor_at_end(&p)) {
			p.p++;
			continue;
		}

		at = p.p;

		/* A statement is read twice: one that needs a shell must not be half applied. */
		r = INSTRUCTION;
		if (!p.blocks)
			r = statement(&p, false);
		p.p = at;

		if (r == PLAIN) {
			statement(&p, true);
		} else if (r == INSTRUCTION) {
			if (!p.blocks)
				cursor_note(&p, text->instructions, "instruction", at);
			r = skip_instruction(&p);
		}
	}

	if (r == UNTERMINATED)
		cursor_note(&p, text->faults, "unterminated quote", p.fault);
}
