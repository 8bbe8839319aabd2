/* SPDX-License-Identifier: Apache-2.0 */
#include "template/defaults.h"

#include "base/file.h"

#define TOKEN_MAX 40

struct scanner {
	const char *name;
	const char *at, *end;
	const char *counted;	/* lines are counted up to here, */
	const char *bol;	/* where line LINE begins */
	unsigned line;
	GError **error;
};

/* Line and column of AT, which no earlier call was given a later place than. */
static void place(struct scanner *s, const char *at, unsigned *line, unsigned *column)
{
	for (; s->counted < at; s->counted++)
		if (*s->counted == '\n') {
			s->line++;
			s->bol = s->counted + 1;
		}
	*line = s->line;
	*column = (unsigned)(at - s->bol) + 1;
}

/* A mark is a token of its own. */
static const char *token_end(const struct scanner *s, const char *at)
{
	static const char marks[] = "=,[]";
	const char *p = at + 1;

	if (strchr(marks, *at))
		return p;

	while (p < s->end && p - at < TOKEN_MAX) {
		if (g_ascii_isspace(*p))
			break;
		if (strchr(marks, *p))
			break;
		p++;
	}

	return p;
}

static char *token_at(const struct scanner *s, const char *at)
{
	g_autofree char *raw = NULL, *text = NULL;

	if (at == s->end)
		return g_strdup("end of file");
	if (*at == '\n' || *at == '\r')
		return g_strdup("end of line");

	raw = g_strndup(at, (gsize)(token_end(s, at) - at));
	text = g_utf8_make_valid(raw, -1);

	return g_strdup_printf("'%s'", text);
}

static bool fail(struct scanner *s, const char *at, const char *reason)
{
	g_autofree char *token = token_at(s, at);
	unsigned line, column;

	place(s, at, &line, &column);

	return vmm_fail(s->error, VMM_ERROR_CONFIG, "%s:%u:%u: %s, at %s",
			s->name, line, column, reason, token);
}

static bool is_eol(const struct scanner *s, const char *p)
{
	if (p == s->end)
		return true;
	if (*p == '\n')
		return true;

	if (*p != '\r')
		return false;
	if (p + 1 >= s->end)
		return false;

	return p[1] == '\n';
}

/* A mark of the grammar; at the end of the text there is none. */
static bool at_mark(const struct scanner *s, char mark)
{
	if (s->at >= s->end)
		return false;

	return *s->at == mark;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_name(char c)
{
	if (g_ascii_isalnum(c))
		return true;
	return c == '_';
}

static void skip_blanks(struct scanner *s)
{
	while (s->at < s->end && is_blank(*s->at))
		s->at++;
}

/* Skips blanks, line ends and comments, which may occur between any two tokens. */
static void skip(struct scanner *s)
{
	for (;;) {
		skip_blanks(s);
		if (s->at == s->end)
			return;
		if (*s->at == '#')
			while (s->at < s->end && *s->at != '\n')
				s->at++;
		else if (is_eol(s, s->at))
			s->at = strchr(s->at, '\n') + 1;
		else
			return;
	}
}

/* oned makes XML elements of names, which begin neither with a digit nor with "xml". */
static bool needs_prefix(const char *name, gsize len)
{
	if (g_ascii_isdigit(*name))
		return true;
	if (len < 3)
		return false;

	return !strncmp(name, "XML", 3);
}

/* The prefix is the one that oned gives such a name. */
static char *read_name(struct scanner *s)
{
	const char *from = s->at;
	g_autofree char *upper = NULL;
	const char *prefix = "";

	while (s->at < s->end && is_name(*s->at))
		s->at++;
	if (s->at == from)
		return NULL;

	upper = g_ascii_strup(from, s->at - from);
	if (needs_prefix(from, (gsize)(s->at - from)))
		prefix = "ONE_";

	return g_strconcat(prefix, upper, NULL);
}

static bool ends_value(const struct scanner *s, const char *p)
{
	if (is_eol(s, p))
		return true;
	if (is_blank(*p))
		return true;
	if (*p == ',')
		return true;
	if (*p == ']')
		return true;

	return *p == '#';
}

static bool is_escaped_quote(const struct scanner *s, const char *p)
{
	if (*p != '\\')
		return false;
	if (p + 1 >= s->end)
		return false;

	return p[1] == '"';
}

/* The quote that ends the value whose first quote is at OPEN, or NULL. */
static const char *closing_quote(const struct scanner *s, const char *open)
{
	const char *p = open + 1;

	for (; p < s->end && *p != '"'; p++)
		if (is_escaped_quote(s, p))
			p++;
	if (p >= s->end)
		return NULL;
	if (ends_value(s, p + 1))
		return p;

	return NULL;
}

/*
 * A value that ends with a backslash reads as if it went on. When nothing ends
 * it properly, its end is the first \" that only blanks divide from what may
 * follow a value.
 */
static const char *closing_after_backslash(const struct scanner *s, const char *open)
{
	for (const char *p = open + 1; p + 1 < s->end; p++) {
		const char *q = p + 2;

		if (!is_escaped_quote(s, p))
			continue;

		while (q < s->end && is_blank(*q))
			q++;
		if (is_eol(s, q))
			return p + 1;
		if (*q == ',')
			return p + 1;
		if (*q == ']')
			return p + 1;
	}

	return NULL;
}

static char *read_quoted(struct scanner *s)
{
	const char *open = s->at, *close = closing_quote(s, open);
	GString *value;

	if (!close)
		close = closing_after_backslash(s, open);
	if (!close) {
		fail(s, open, "a quote is not closed, or text is glued to the closing quote");
		vmm_error_set_hint(s->error, "inside quotes write \\\" for a quote");
		return NULL;
	}

	value = g_string_sized_new((gsize)(close - open));
	for (const char *p = open + 1; p < close; p++) {
		if (is_escaped_quote(s, p) && p + 1 < close)
			p++;
		if (*p != '\r' || p[1] != '\n')
			g_string_append_c(value, *p);
	}

	s->at = close + 1;

	return g_string_free(value, FALSE);
}

static bool ends_bare(const struct scanner *s, const char *p)
{
	if (is_eol(s, p))
		return true;
	if (is_blank(*p))
		return true;

	return strchr("=#,[]", *p);
}

static char *read_bare(struct scanner *s)
{
	const char *from = s->at;

	while (!ends_bare(s, s->at))
		s->at++;
	if (s->at == from) {
		fail(s, from, "a value is missing");
		return NULL;
	}

	return g_strndup(from, (gsize)(s->at - from));
}

static char *read_value(struct scanner *s)
{
	if (at_mark(s, '"'))
		return read_quoted(s);
	return read_bare(s);
}

/* NAME and '='; what follows the '=' on its line is left, blanks are skipped. */
static TmplAttr *read_head(struct scanner *s)
{
	const char *from = s->at;
	g_autofree char *name = read_name(s);
	TmplAttr *attr;

	if (!name) {
		fail(s, from, "a name was expected");
		return NULL;
	}

	skip_blanks(s);
	if (!at_mark(s, '=')) {
		fail(s, from, "'NAME = value' was expected");
		return NULL;
	}

	s->at++;
	skip_blanks(s);
	attr = tmpl_attr_new(g_steal_pointer(&name), NULL);
	place(s, from, &attr->line, &attr->column);

	return attr;
}

static bool make_single(TmplAttr *attr, char *value)
{
	attr->value = value;
	g_clear_pointer(&attr->keys, g_ptr_array_unref);
	return value;
}

static bool read_item(struct scanner *s, TmplAttr *vector)
{
	g_autoptr(TmplAttr) key = read_head(s);

	if (!key)
		return false;
	if (at_mark(s, '['))
		return fail(s, s->at, "a vector cannot stand in a vector");
	if (!make_single(key, read_value(s)))
		return false;

	g_ptr_array_add(vector->keys, g_steal_pointer(&key));
	skip(s);

	return true;
}

/* S is behind the '['. */
static bool read_vector(struct scanner *s, TmplAttr *vector)
{
	skip(s);
	if (at_mark(s, ']')) {
		s->at++;
		return true;
	}

	while (read_item(s, vector)) {
		if (at_mark(s, ']')) {
			s->at++;
			return true;
		}

		if (!at_mark(s, ','))
			return fail(s, s->at, "',' or ']' was expected");

		s->at++;
		skip(s);
	}

	return false;
}

static bool read_statement(struct scanner *s, TmplAttr *attr)
{
	if (is_eol(s, s->at))
		return make_single(attr, g_strdup(""));
	if (*s->at == '[') {
		s->at++;
		return read_vector(s, attr);
	}

	return make_single(attr, read_value(s));
}

/* Of each name only the last statement stays, at its place. */
static void drop_replaced(TmplSet *set)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	GPtrArray *kept = g_ptr_array_new_with_free_func((GDestroyNotify)tmpl_attr_free);

	for (guint i = set->attrs->len; i-- > 0;) {
		TmplAttr *attr = g_ptr_array_index(set->attrs, i);

		if (g_hash_table_add(seen, attr->name))
			g_ptr_array_add(kept, g_steal_pointer(&set->attrs->pdata[i]));
	}

	for (guint i = 0; i < kept->len / 2; i++) {
		gpointer last = kept->pdata[kept->len - 1 - i];

		kept->pdata[kept->len - 1 - i] = kept->pdata[i];
		kept->pdata[i] = last;
	}

	g_ptr_array_unref(set->attrs);
	set->attrs = kept;
}

TmplSet *tmpl_defaults_parse(const char *text, size_t len, const char *name, GError **error)
{
	struct scanner s = { .name = name, .at = text, .end = text + len, .counted = text,
			     .bol = text, .line = 1, .error = error };
	g_autoptr(TmplSet) set = tmpl_set_new(name);
	const char *nul = memchr(text, '\0', len);

	if (nul) {
		fail(&s, nul, "a NUL byte");
		return NULL;
	}

	for (skip(&s); s.at < s.end; skip(&s)) {
		g_autoptr(TmplAttr) attr = read_head(&s);

		if (!attr || !read_statement(&s, attr))
			return NULL;

		g_ptr_array_add(set->attrs, g_steal_pointer(&attr));
	}

	drop_replaced(set);

	return g_steal_pointer(&set);
}

TmplSet *tmpl_defaults_read(const char *path, GError **error)
{
	g_autoptr(GError) cause = NULL;
	GString *text = file_read(path, TMPL_CONF_MAX_BYTES, &cause);
	TmplSet *set;

	if (!text) {
		vmm_fail(error, VMM_ERROR_CONFIG, "defaults file: %s", cause->message);
		return NULL;
	}

	set = tmpl_defaults_parse(text->str, text->len, path, error);
	g_string_free(text, TRUE);

	return set;
}
