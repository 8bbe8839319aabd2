#include "wire/line.h"

static const char blanks[] = " \t\r";

/* The next word at *AT, of *RET_LEN bytes; NULL when there is none. Nothing is copied: a
 * document may be megabytes. */
static const char *next_word(const char **at, size_t *ret_len)
{
	const char *word = *at + strspn(*at, blanks);

	*ret_len = strcspn(word, blanks);
	*at = word + *ret_len;
	return *ret_len ? word : NULL;
}

static bool is_name(const char *word, size_t len)
{
	for (const char *p = word; p < word + len; p++)
		if (!g_ascii_isalnum(*p) && *p != '_')
			return false;
	return true;
}

/* oned reads it with atoi(): leading digits count, anything else is 0. */
static gint64 leading_number(const char *text)
{
	gint64 n = g_ascii_strtoll(text, NULL, 10);

	return CLAMP(n, G_MININT32, G_MAXINT32);
}

bool wire_line_parse(const char *line, struct wire_line *ret, GError **error)
{
	const char *at = line, *action, *id, *payload;
	size_t action_len, id_len, payload_len;

	action = next_word(&at, &action_len);
	if (!action)
		return vmm_fail(error, VMM_ERROR_INPUT, "empty line");
	if (action != line)
		return vmm_fail(error, VMM_ERROR_INPUT, "line begins with a blank");
	if (!is_name(action, action_len))
		return vmm_fail(error, VMM_ERROR_INPUT, "'%.*s' is not an action",
				(int)MIN(action_len, 40), action);
	id = next_word(&at, &id_len);
	payload = id ? next_word(&at, &payload_len) : NULL;
	ret->action = g_ascii_strup(action, (gssize)action_len);
	ret->id = id ? leading_number(id) : 0;
	ret->payload = payload ? g_strndup(payload, payload_len) : NULL;
	return true;
}

void wire_line_clear(struct wire_line *line)
{
	g_clear_pointer(&line->action, g_free);
	g_clear_pointer(&line->payload, g_free);
}

/* Cut where no character is split. */
static void leave_out_middle(GString *s, size_t max)
{
	static const char gap[] = " ... ";
	size_t from = (max - MIN(max, sizeof(gap))) / 2, to = s->len - from;

	while (from && (s->str[from] & 0xc0) == 0x80)
		from--;
	while (to < s->len && (s->str[to] & 0xc0) == 0x80)
		to++;
	g_string_erase(s, (gssize)from, (gssize)(to - from));
	g_string_insert(s, (gssize)from, gap);
}

char *wire_text(const char *text, size_t max)
{
	GString *s = g_string_new(NULL);

	for (const char *p = text; *p; p++) {
		bool blank = (guchar)*p <= ' ' || *p == 0x7f;

		if (!blank)
			g_string_append_c(s, *p);
		else if (s->len && s->str[s->len - 1] != ' ')
			g_string_append_c(s, ' ');
	}
	if (s->len && s->str[s->len - 1] == ' ')
		g_string_truncate(s, s->len - 1);
	if (s->len > max)
		leave_out_middle(s, max);
	return g_string_free(s, FALSE);
}
