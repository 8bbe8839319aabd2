/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/shell_subset.h"

#include <string.h>

enum { MAX_DEPTH = 32, SHOWN = 24 };

/* How a piece of text was read. */
enum reading { PLAIN, INSTRUCTION, UNTERMINATED };

struct parser {
	struct rc_text *text;
	const char *name;
	const char *start, *p, *end;
	const char *fault;	/* where what is UNTERMINATED begins */
	bool apply;		/* assign and expand; false: only look at the syntax */
	int depth;		/* of ${…${…}} */
	int blocks;		/* of if, case, loops and functions that we are in */
};

static enum reading expansion(struct parser *p, GString *out, bool quoted);

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

static size_t rest_of_line(const struct parser *p, const char *at)
{
	const char *newline = memchr(at, '\n', (size_t)(p->end - at));

	if (newline)
		return (size_t)(newline - at);

	return (size_t)(p->end - at);
}

static void note(struct parser *p, GPtrArray *list, const char *what, const char *at)
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

static int peek(const struct parser *p, size_t ahead)
{
	if ((size_t)(p->end - p->p) > ahead)
		return (unsigned char)p->p[ahead];
	return '\0';
}

/* strchr() finds the NUL too. */
static bool is_in(int c, const char *set)
{
	if (!c)
		return false;
	return strchr(set, c);
}

/* The byte that is AHEAD is one of SET, or the text ends there. */
static bool ends_at(const struct parser *p, size_t ahead, const char *set)
{
	int c = peek(p, ahead);

	if (!c)
		return true;

	return is_in(c, set);
}

/* Unlike ends_at(), this lets a NUL byte of the file pass: word() reports it. */
static bool is_over(const struct parser *p, const char *ends)
{
	if (p->p >= p->end)
		return true;

	return is_in(*p->p, ends);
}

static bool at_pair(const struct parser *p, char first, char second)
{
	if (peek(p, 0) != first)
		return false;

	return peek(p, 1) == second;
}

/* The shell joins the lines before it looks at anything else. */
static bool at_joined_line(const struct parser *p)
{
	return at_pair(p, '\\', '\n');
}

/* A backslash takes the next byte with it, whatever that is. */
static void skip_byte(struct parser *p)
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

static size_t name_length(const struct parser *p)
{
	size_t n = 0;

	if (!is_name_start(peek(p, 0)))
		return 0;

	while (is_name_byte(peek(p, n)))
		n++;

	return n;
}

static struct rc_var *var_of(struct parser *p, const char *name)
{
	struct rc_var *var = g_hash_table_lookup(p->text->vars, name);

	if (!var) {
		var = g_new0(struct rc_var, 1);
		var->exported = g_getenv(name) != NULL;
		g_hash_table_insert(p->text->vars, g_strdup(name), var);
	}

	return var;
}

static const char *value_of(const struct parser *p, const char *name)
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

static const char *value_or_empty(const struct parser *p, const char *name)
{
	const char *value = value_of(p, name);

	if (value)
		return value;

	return "";
}

static void assign(struct parser *p, const char *name, const char *value, bool append)
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

static enum reading unterminated(struct parser *p, const char *at)
{
	p->fault = at;
	return UNTERMINATED;
}

static enum reading single_quoted(struct parser *p, GString *out)
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
static enum reading close_quote(struct parser *p, const char *open, enum reading r)
{
	if (r != PLAIN)
		return r;
	if (p->p == p->end)
		return unterminated(p, open);

	p->p++;

	return PLAIN;
}

/* Only before one of these is a backslash more than itself between double quotes (POSIX 2.2.3). */
static bool escapes_in_quotes(const struct parser *p)
{
	if (*p->p != '\\')
		return false;

	return is_in(peek(p, 1), "$`\"\\");
}

static enum reading double_quoted_part(struct parser *p, GString *out)
{
	if (*p->p == '`')
		return INSTRUCTION;
	if (*p->p == '$')
		return expansion(p, out, true);

	if (at_joined_line(p)) {
		p->p += 2;
		return PLAIN;
	}

	if (escapes_in_quotes(p))
		p->p++;
	g_string_append_c(out, *p->p++);

	return PLAIN;
}

static enum reading double_quoted(struct parser *p, GString *out)
{
	const char *open = p->p++;
	enum reading r = PLAIN;

	while (r == PLAIN && !is_over(p, "\""))
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

	return is_in(c, "&|<>()");
}

static enum reading word_part(struct parser *p, GString *out, bool quoted)
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

	if (at_joined_line(p)) {
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
static enum reading word(struct parser *p, GString *out, const char *ends, bool quoted)
{
	enum reading r = PLAIN;

	while (r == PLAIN && !is_over(p, ends))
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

/* After "${NAME": the operator, its word, the brace. */
static enum reading braced(struct parser *p, GString *out, const char *name, bool quoted)
{
	/* A copy: the word may assign to NAME. */
	g_autofree char *value = g_strdup(value_of(p, name));
	g_autoptr(GString) other = g_string_new(NULL);
	bool colon = peek(p, 0) == ':';
	bool apply = p->apply, use_word, apply_word;
	int op = peek(p, colon);
	enum reading r;

	if (op == '}' && !colon) {
		p->p++;
		if (value)
			g_string_append(out, value);
		return PLAIN;
	}

	if (!is_in(op, "-=+"))
		return INSTRUCTION;

	p->p += 1 + colon;
	use_word = has_value(value, colon) == (op == '+');
	apply_word = apply && use_word;

	/* An assignment within a word that is not used has no effect. */
	p->apply = apply_word;
	r = word(p, other, "}", quoted);
	p->apply = apply;

	if (r != PLAIN)
		return r;
	if (p->p == p->end)
		return UNTERMINATED;

	p->p++;
	if (use_word)
		g_string_append(out, other->str);
	else if (op != '+')
		g_string_append(out, value);
	if (op == '=' && apply_word)
		assign(p, name, other->str, false);

	return PLAIN;
}

/* A '$' and what belongs to it; one that begins nothing is itself. */
static enum reading expansion(struct parser *p, GString *out, bool quoted)
{
	const char *at = p->p++;
	bool brace = peek(p, 0) == '{';
	g_autofree char *name = NULL;
	enum reading r;
	size_t n;

	p->p += brace;
	n = name_length(p);

	/* "$(", "$1", "$?", "$'" and "${#NAME}" are a shell's. */
	if (!n) {
		if (brace || !ends_at(p, 0, " \t\n;\""))
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

static void tilde(struct parser *p, GString *out)
{
	const char *home = value_of(p, "HOME");

	if (peek(p, 0) != '~')
		return;

	/* "~USER" asks the password file: the text stays as it is. */
	if (!ends_at(p, 1, "/ \t\n;"))
		return;

	if (!home)
		home = "~";
	g_string_append(out, home);
	p->p++;
}

/* A word that assigns nothing: a command's name, or what "export" marks. */
static enum reading bare_name(struct parser *p, const char *name, bool export)
{
	if (!export)
		return INSTRUCTION;
	if (!ends_at(p, 0, " \t\n;"))
		return INSTRUCTION;

	if (p->apply)
		var_of(p, name)->exported = true;

	return PLAIN;
}

/* "NAME=value" or "NAME+=value"; with EXPORT also "NAME". */
static enum reading assignment(struct parser *p, bool export)
{
	g_autoptr(GString) value = g_string_new(NULL);
	size_t n = name_length(p);
	g_autofree char *name = g_strndup(p->p, n);
	enum reading r;
	bool append;

	p->p += n;
	append = at_pair(p, '+', '=');

	if (!n)
		return INSTRUCTION;
	if (peek(p, 0) != '=' && !append)
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

static void unset(struct parser *p, const char *name)
{
	struct rc_var *var = var_of(p, name);

	g_clear_pointer(&var->value, g_free);
	var->unset = true;
	var->exported = false;
}

static void skip_blanks(struct parser *p)
{
	for (;; p->p++) {
		if (at_joined_line(p))
			p->p++;
		else if (!is_in(peek(p, 0), " \t"))
			break;
	}

	if (peek(p, 0) == '#')
		while (!is_over(p, "\n"))
			p->p++;
}

static bool at_end_of_statement(const struct parser *p)
{
	return is_over(p, "\n;");
}

static bool word_is(const struct parser *p, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(p->end - p->p) < n)
		return false;
	if (memcmp(p->p, text, n))
		return false;

	return ends_at(p, n, " \t\n;()");
}

enum command { NOTHING, ASSIGN, EXPORT, UNSET };

static enum command command(struct parser *p)
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
		if (word_is(p, commands[i].words)) {
			p->p += strlen(commands[i].words);
			return commands[i].command;
		}

	return ASSIGN;
}

static enum reading operand(struct parser *p, enum command c)
{
	g_autoptr(GString) text = g_string_new(NULL);
	enum reading r;
	size_t n;

	if (c == ASSIGN || c == EXPORT)
		return assignment(p, c == EXPORT);

	n = name_length(p);
	r = word(p, text, " \t\n;", false);

	if (r != PLAIN || c == NOTHING)
		return r;
	if (!n || n != text->len)
		return INSTRUCTION;
	if (p->apply)
		unset(p, text->str);

	return PLAIN;
}

static enum reading statement(struct parser *p, bool apply)
{
	enum command c;
	enum reading r = PLAIN;

	p->apply = apply;
	c = command(p);
	skip_blanks(p);

	while (r == PLAIN && !at_end_of_statement(p)) {
		r = operand(p, c);
		skip_blanks(p);
	}

	return r;
}

/* Words that begin and end what is skipped as a whole. */
static int block_change(const struct parser *p)
{
	static const char *const openers[] = {
		"if", "case", "for", "while", "until", "select", "{"
	};
	static const char *const closers[] = { "fi", "esac", "done", "}" };

	for (size_t i = 0; i < G_N_ELEMENTS(openers); i++)
		if (word_is(p, openers[i]))
			return 1;
	for (size_t i = 0; i < G_N_ELEMENTS(closers); i++)
		if (word_is(p, closers[i]))
			return -1;

	return 0;
}

static enum reading skip_double_quoted(struct parser *p);

/* What is between the parentheses of a "$(…)". */
static enum reading skip_substitution(struct parser *p)
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
			skip_byte(p);

		if (!parens)
			break;
	} while (r == PLAIN && p->p < p->end);

	return r;
}

static enum reading skip_double_quoted(struct parser *p)
{
	const char *open = p->p++;
	enum reading r = PLAIN;

	if (++p->depth > MAX_DEPTH)
		r = unterminated(p, open);
	while (r == PLAIN && !is_over(p, "\""))
		if (at_pair(p, '$', '(')) {
			p->p++;
			r = skip_substitution(p);
		} else {
			skip_byte(p);
		}
	p->depth--;

	return close_quote(p, open, r);
}

/* A function's body or a subshell has statements of its own, which do not end the instruction. */
static bool at_end_of_instruction(const struct parser *p, int parens)
{
	if (p->p >= p->end)
		return true;
	if (parens > 0)
		return false;

	return at_end_of_statement(p);
}

/* Within a word a '#' is a plain byte: "${a#b}", "x#y". */
static bool at_comment(const struct parser *p)
{
	if (*p->p != '#')
		return false;
	if (p->p == p->start)
		return false;

	return strchr(" \t\n", p->p[-1]);
}

/* Passes one instruction, to the end of its line or its ';'. */
static enum reading skip_instruction(struct parser *p)
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
		at_word = is_in(c, " \t;&|(){}\n");
		parens += (c == '(') - (c == ')' && parens > 0);

		if (at_pair(p, '<', '<'))
			p->p = p->end;		/* its text could be anything */
		else if (at_comment(p))
			skip_blanks(p);
		else if (c == '\'')
			r = single_quoted(p, ignored);
		else if (c == '"')
			r = skip_double_quoted(p);
		else
			skip_byte(p);
	}

	return r;
}

void shell_subset_parse(struct rc_text *text, const char *name, const char *source, size_t len)
{
	struct parser p = { .text = text, .name = name, .start = source, .p = source,
			    .end = source + len };
	enum reading r = PLAIN;

	while (r != UNTERMINATED) {
		const char *at;

		skip_blanks(&p);
		if (p.p == p.end)
			break;
		if (at_end_of_statement(&p)) {
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
				note(&p, text->instructions, "instruction", at);
			r = skip_instruction(&p);
		}
	}

	if (r == UNTERMINATED)
		note(&p, text->faults, "unterminated quote", p.fault);
}
