/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/shell_subset.h"

#include <string.h>

#include "conf/cursor.h"
#include "conf/shell_quote.h"
#include "conf/shell_skip.h"

static enum shell_reading expansion(struct shell_parser *p, GString *out, bool quoted);

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

/* A shell exports a variable that it inherited, also when the file assigns to it again. */
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

/* Only before one of these is a backslash more than itself between double quotes (POSIX 2.2.3). */
static bool escapes_in_quotes(const struct shell_parser *p)
{
	if (*p->p != '\\')
		return false;

	return cursor_is_in(cursor_peek(p, 1), "$`\"\\");
}

static enum shell_reading double_quoted_part(struct shell_parser *p, GString *out)
{
	if (*p->p == '`')
		return SHELL_INSTRUCTION;
	if (*p->p == '$')
		return expansion(p, out, true);

	if (cursor_at_joined_line(p)) {
		p->p += 2;
		return SHELL_PLAIN;
	}

	if (escapes_in_quotes(p))
		p->p++;
	g_string_append_c(out, *p->p++);

	return SHELL_PLAIN;
}

static enum shell_reading double_quoted(struct shell_parser *p, GString *out)
{
	const char *open = p->p++;
	enum shell_reading r = SHELL_PLAIN;

	while (r == SHELL_PLAIN && !cursor_is_over(p, "\""))
		r = double_quoted_part(p, out);

	return shell_quote_close(p, open, r);
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

static enum shell_reading word_part(struct shell_parser *p, GString *out, bool quoted)
{
	int c = *p->p;

	if (needs_shell(c, quoted))
		return SHELL_INSTRUCTION;
	if (c == '\'' && !quoted)
		return shell_quote_single(p, out);
	if (c == '"')
		return double_quoted(p, out);
	if (c == '$')
		return expansion(p, out, quoted);

	if (cursor_at_joined_line(p)) {
		p->p += 2;
		return SHELL_PLAIN;
	}

	/* A backslash that nothing follows is itself. */
	if (c == '\\' && p->p + 1 < p->end)
		p->p++;
	g_string_append_c(out, *p->p++);

	return SHELL_PLAIN;
}

/* Reads up to what ENDS says, a string of bytes; the end of the text is an end too. */
static enum shell_reading word(struct shell_parser *p, GString *out, const char *ends, bool quoted)
{
	enum shell_reading r = SHELL_PLAIN;

	while (r == SHELL_PLAIN && !cursor_is_over(p, ends))
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
static enum shell_reading brace_word(struct shell_parser *p, GString *out, bool quoted, bool apply)
{
	bool was = p->apply;
	enum shell_reading r;

	p->apply = apply;
	r = word(p, out, "}", quoted);
	p->apply = was;

	if (r != SHELL_PLAIN)
		return r;
	if (p->p == p->end)
		return SHELL_UNTERMINATED;

	p->p++;

	return SHELL_PLAIN;
}

/* After "${NAME": the operator, its word, the brace. */
static enum shell_reading braced(struct shell_parser *p, GString *out, const char *name,
				 bool quoted)
{
	/* A copy: the word may assign to NAME. */
	g_autofree char *value = g_strdup(value_of(p, name));
	g_autoptr(GString) other = g_string_new(NULL);
	bool colon = cursor_peek(p, 0) == ':';
	bool use_word, apply_word;
	int op = cursor_peek(p, colon);
	enum shell_reading r;

	if (op == '}' && !colon) {
		p->p++;
		if (value)
			g_string_append(out, value);
		return SHELL_PLAIN;
	}

	if (!cursor_is_in(op, "-=+"))
		return SHELL_INSTRUCTION;

	p->p += 1 + colon;
	use_word = has_value(value, colon) == (op == '+');
	apply_word = p->apply && use_word;

	r = brace_word(p, other, quoted, apply_word);
	if (r != SHELL_PLAIN)
		return r;

	if (use_word)
		g_string_append(out, other->str);
	else if (op != '+')
		g_string_append(out, value);
	if (op == '=' && apply_word)
		assign(p, name, other->str, false);

	return SHELL_PLAIN;
}

/* A '$' and what belongs to it; one that begins nothing is itself. */
static enum shell_reading expansion(struct shell_parser *p, GString *out, bool quoted)
{
	const char *at = p->p++;
	bool brace = cursor_peek(p, 0) == '{';
	g_autofree char *name = NULL;
	enum shell_reading r;
	size_t n;

	p->p += brace;
	n = cursor_name_length(p);

	/* "$(", "$1", "$?", "$'" and "${#NAME}" are a shell's. */
	if (!n) {
		if (brace || !cursor_ends_at(p, 0, " \t\n;\""))
			return SHELL_INSTRUCTION;
		g_string_append_c(out, '$');
		return SHELL_PLAIN;
	}

	if (p->depth >= SHELL_MAX_DEPTH)
		return SHELL_INSTRUCTION;

	name = g_strndup(p->p, n);
	p->p += n;

	if (!brace) {
		g_string_append(out, value_or_empty(p, name));
		return SHELL_PLAIN;
	}

	p->depth++;
	r = braced(p, out, name, quoted);
	p->depth--;

	if (r == SHELL_UNTERMINATED && !p->fault)
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
static enum shell_reading bare_name(struct shell_parser *p, const char *name, bool export)
{
	if (!export)
		return SHELL_INSTRUCTION;
	if (!cursor_ends_at(p, 0, " \t\n;"))
		return SHELL_INSTRUCTION;

	if (p->apply)
		var_of(p, name)->exported = true;

	return SHELL_PLAIN;
}

/* "NAME=value" or "NAME+=value"; with EXPORT also "NAME". */
static enum shell_reading assignment(struct shell_parser *p, bool export)
{
	g_autoptr(GString) value = g_string_new(NULL);
	size_t n = cursor_name_length(p);
	g_autofree char *name = g_strndup(p->p, n);
	enum shell_reading r;
	bool append;

	p->p += n;
	append = cursor_at_pair(p, '+', '=');

	if (!n)
		return SHELL_INSTRUCTION;
	if (cursor_peek(p, 0) != '=' && !append)
		return bare_name(p, name, export);

	p->p += 1 + append;
	tilde(p, value);
	r = word(p, value, " \t\n;", false);

	if (r != SHELL_PLAIN || !p->apply)
		return r;

	assign(p, name, value->str, append);
	if (export)
		var_of(p, name)->exported = true;

	return SHELL_PLAIN;
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

static enum shell_reading operand(struct shell_parser *p, enum command c)
{
	g_autoptr(GString) text = g_string_new(NULL);
	enum shell_reading r;
	size_t n;

	if (c == ASSIGN || c == EXPORT)
		return assignment(p, c == EXPORT);

	n = cursor_name_length(p);
	r = word(p, text, " \t\n;", false);

	if (r != SHELL_PLAIN || c == NOTHING)
		return r;
	if (!n || n != text->len)
		return SHELL_INSTRUCTION;
	if (p->apply)
		unset(p, text->str);

	return SHELL_PLAIN;
}

/* Several assignments may be on one line, with one command for all of them. */
static enum shell_reading statement(struct shell_parser *p, bool apply)
{
	enum command c;
	enum shell_reading r = SHELL_PLAIN;

	p->apply = apply;
	c = command(p);
	cursor_skip_blanks(p);

	while (r == SHELL_PLAIN && !cursor_at_end(p)) {
		r = operand(p, c);
		cursor_skip_blanks(p);
	}

	return r;
}

void shell_subset_parse(struct rc_text *text, const char *name, const char *source, size_t len)
{
	struct shell_parser p = { .text = text, .name = name, .start = source, .p = source,
			    .end = source + len };
	enum shell_reading r = SHELL_PLAIN;

	while (r != SHELL_UNTERMINATED) {
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
		r = SHELL_INSTRUCTION;
		if (!p.blocks)
			r = statement(&p, false);
		p.p = at;

		if (r == SHELL_PLAIN) {
			statement(&p, true);
		} else if (r == SHELL_INSTRUCTION) {
			if (!p.blocks)
				cursor_note(&p, text->instructions, "instruction", at);
			r = shell_skip_instruction(&p);
		}
	}

	if (r == SHELL_UNTERMINATED)
		cursor_note(&p, text->faults, "unterminated quote", p.fault);
}
