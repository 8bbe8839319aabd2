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

void shell_var_free(void *data)
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

static void note(struct parser *p, GPtrArray *list, const char *what, const char *at)
{
	size_t line = 1, column = 1, len = 0;
	g_autofree char *token = NULL;
	bool cut;

	for (const char *c = p->start; c < at; c++)
		if (*c == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*c & 0xc0) != 0x80) {
			column++;
		}
	while (at + len < p->end && at[len] != '\n' && len < SHOWN)
		len++;
	token = g_utf8_make_valid(at, (gssize)len);
	cut = at + len < p->end && at[len] != '\n';
	g_ptr_array_add(list, g_strdup_printf("%s:%zu:%zu: %s '%s%s'", p->name, line, column, what,
					      token, cut ? "…" : ""));
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

static bool is_name_start(int c)
{
	if (g_ascii_isalpha(c))
		return true;
	return c == '_';
}

static size_t name_length(const struct parser *p)
{
	size_t n = 0;

	if (is_name_start(peek(p, 0)))
		while (g_ascii_isalnum(peek(p, n)) || peek(p, n) == '_')
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

	if (var && (var->value || var->unset))
		return var->value;

	return g_getenv(name);
}

static void assign(struct parser *p, const char *name, const char *value, bool append)
{
	const char *old = append ? value_of(p, name) : NULL;
	g_autofree char *whole = g_strconcat(old ? old : "", value, NULL);
	struct rc_var *var = var_of(p, name);

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

static enum reading double_quoted(struct parser *p, GString *out)
{
	const char *open = p->p++;
	enum reading r = PLAIN;

	while (r == PLAIN && p->p < p->end && *p->p != '"') {
		if (*p->p == '`') {
			r = INSTRUCTION;
		} else if (*p->p == '$') {
			r = expansion(p, out, true);
		} else if (*p->p == '\\' && peek(p, 1) == '\n') {
			p->p += 2;
		} else {
			if (*p->p == '\\' && peek(p, 1) && strchr("$`\"\\", peek(p, 1)))
				p->p++;
			g_string_append_c(out, *p->p++);
		}
	}

	if (r == PLAIN && p->p == p->end)
		return unterminated(p, open);

	p->p += r == PLAIN;

	return r;
}

/* Reads up to what ENDS says, a string of bytes; the end of the text is an end too. */
static enum reading word(struct parser *p, GString *out, const char *ends, bool quoted)
{
	enum reading r = PLAIN;

	while (r == PLAIN && p->p < p->end && !is_in(*p->p, ends)) {
		int c = *p->p;

		if (c == '\0' || (!quoted && is_in(c, "&|<>()`")) || c == '`') {
			r = INSTRUCTION;
		} else if (c == '\'' && !quoted) {
			r = single_quoted(p, out);
		} else if (c == '"') {
			r = double_quoted(p, out);
		} else if (c == '$') {
			r = expansion(p, out, quoted);
		} else if (c == '\\' && peek(p, 1) == '\n') {
			p->p += 2;
		} else {
			if (c == '\\' && p->p + 1 < p->end)
				p->p++;
			g_string_append_c(out, *p->p++);
		}
	}

	return r;
}

/* After "${NAME": the operator, its word, the brace. */
static enum reading braced(struct parser *p, GString *out, const char *name, bool quoted)
{
	/* A copy: the word may assign to NAME. */
	g_autofree char *value = g_strdup(value_of(p, name));
	g_autoptr(GString) other = g_string_new(NULL);
	bool colon = peek(p, 0) == ':';
	bool has = value && (*value || !colon);
	bool apply = p->apply;
	int op = peek(p, colon);
	enum reading r;

	if (op == '}' && !colon) {
		p->p++;
		g_string_append(out, value ? value : "");
		return PLAIN;
	}

	if (!op || !strchr("-=+", op))
		return INSTRUCTION;

	p->p += 1 + colon;

	/* What is not used does nothing. */
	p->apply = apply && has == (op == '+');
	r = word(p, other, "}", quoted);
	p->apply = apply;

	if (r != PLAIN || p->p == p->end)
		return r == PLAIN ? UNTERMINATED : r;

	p->p++;
	if (op == '+')
		g_string_append(out, has ? other->str : "");
	else
		g_string_append(out, has ? value : other->str);
	if (op == '=' && !has && p->apply)
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

	if (!n && !brace && (peek(p, 0) == '\0' || strchr(" \t\n;\"", peek(p, 0)))) {
		g_string_append_c(out, '$');
		return PLAIN;
	}

	if (!n || p->depth >= MAX_DEPTH)
		return INSTRUCTION;

	name = g_strndup(p->p, n);
	p->p += n;

	if (!brace) {
		g_string_append(out, value_of(p, name) ? value_of(p, name) : "");
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
	int next = peek(p, 1);

	if (peek(p, 0) != '~')
		return;
	if (next && !strchr("/ \t\n;", next))
		return;

	g_string_append(out, value_of(p, "HOME") ? value_of(p, "HOME") : "~");
	p->p++;
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
	append = peek(p, 0) == '+' && peek(p, 1) == '=';

	if (!n || (peek(p, 0) != '=' && !append)) {
		if (!n)
			return INSTRUCTION;
		if (!export)
			return INSTRUCTION;
		if (peek(p, 0) && !strchr(" \t\n;", peek(p, 0)))
			return INSTRUCTION;
		if (p->apply)
			var_of(p, name)->exported = true;
		return PLAIN;
	}

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
		if (peek(p, 0) == '\\' && peek(p, 1) == '\n')
			p->p++;
		else if (peek(p, 0) != ' ' && peek(p, 0) != '\t')
			break;
	}

	if (peek(p, 0) == '#')
		while (p->p < p->end && *p->p != '\n')
			p->p++;
}

static bool at_end_of_statement(const struct parser *p)
{
	if (p->p == p->end)
		return true;
	if (*p->p == '\n')
		return true;

	return *p->p == ';';
}

static bool word_is(const struct parser *p, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(p->end - p->p) < n)
		return false;
	if (memcmp(p->p, text, n))
		return false;

	return !peek(p, n) || strchr(" \t\n;()", peek(p, n));
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
			p->p += c == '\\' && p->p + 1 < p->end ? 2 : 1;
	} while (r == PLAIN && parens && p->p < p->end);

	return r;
}

static enum reading skip_double_quoted(struct parser *p)
{
	const char *open = p->p++;
	enum reading r = PLAIN;

	if (++p->depth > MAX_DEPTH)
		r = unterminated(p, open);
	while (r == PLAIN && p->p < p->end && *p->p != '"')
		if (*p->p == '$' && peek(p, 1) == '(') {
			p->p++;
			r = skip_substitution(p);
		} else {
			if (*p->p == '\\' && p->p + 1 < p->end)
				p->p += 2;
			else
				p->p += 1;
		}
	p->depth--;
	if (r == PLAIN && p->p == p->end)
		return unterminated(p, open);

	p->p += r == PLAIN;

	return r;
}

/* Passes one instruction, to the end of its line or its ';'. */
static enum reading skip_instruction(struct parser *p)
{
	g_autoptr(GString) ignored = g_string_new(NULL);
	enum reading r = PLAIN;
	bool at_word = true;
	int parens = 0;

	p->apply = false;
	while (r == PLAIN && p->p < p->end && (parens > 0 || !at_end_of_statement(p))) {
		int c = *p->p;

		if (at_word)
			p->blocks = MAX(0, p->blocks + block_change(p));
		at_word = is_in(c, " \t;&|(){}\n");
		parens += (c == '(') - (c == ')' && parens > 0);

		if (c == '<' && peek(p, 1) == '<') {
			p->p = p->end;		/* its text could be anything */
		} else if (c == '#' && p->p > p->start && strchr(" \t\n", p->p[-1])) {
			skip_blanks(p);
		} else if (c == '\'') {
			r = single_quoted(p, ignored);
		} else if (c == '"') {
			r = skip_double_quoted(p);
		} else {
			if (c == '\\' && p->p + 1 < p->end)
				p->p += 2;
			else
				p->p += 1;
		}
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
		r = p.blocks ? INSTRUCTION : statement(&p, false);
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
