/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/oned_line.h"

#include <openssl/evp.h>

static const char blanks[] = " \t\r";

/* The next word at *AT, of *RET_LEN bytes; NULL when there is none. Nothing is copied: a
 * document may be megabytes. */
static const char *next_word(const char **at, size_t *ret_len)
{
	const char *word = *at + strspn(*at, blanks);

	*ret_len = strcspn(word, blanks);
	*at = word + *ret_len;
	if (*ret_len)
		return word;

	return NULL;
}

static bool is_name(const char *word, size_t len)
{
	for (const char *p = word; p < word + len; p++)
		if (!g_ascii_isalnum(*p) && *p != '_')
			return false;
	return true;
}

/* As oned itself reads it: leading digits count, anything else is 0, too much is the most. */
static gint64 leading_number(const char *text)
{
	gint64 n = g_ascii_strtoll(text, NULL, 10);

	return CLAMP(n, G_MININT32, G_MAXINT32);
}

bool oned_line_parse(const char *line, struct oned_line *ret, GError **error)
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
	if (id)
		payload = next_word(&at, &payload_len);
	else
		payload = NULL;
	ret->action = g_ascii_strup(action, (gssize)action_len);
	if (id)
		ret->id = leading_number(id);
	else
		ret->id = 0;
	if (payload)
		ret->payload = g_strndup(payload, payload_len);
	else
		ret->payload = NULL;

	return true;
}

void oned_line_clear(struct oned_line *line)
{
	g_clear_pointer(&line->action, g_free);
	g_clear_pointer(&line->payload, g_free);
}

/* OpenSSL takes '=' for a zero, '-' for the end, and blanks around the text for nothing. */
static bool is_base64_text(const char *text, size_t len, size_t padding)
{
	if (!len || len % 4 || len > G_MAXINT)
		return false;
	if (memchr(text, '=', len - padding))
		return false;

	return !memchr(text, '-', len);
}

GBytes *oned_line_document(const struct oned_line *line)
{
	const char *text = line->payload;
	size_t len = strlen(text), padding = 0;
	g_autofree guchar *data = NULL;
	int size;

	while (padding < MIN(len, 2) && text[len - 1 - padding] == '=')
		padding++;
	if (!is_base64_text(text, len, padding))
		return NULL;

	data = g_malloc(len / 4 * 3);
	size = EVP_DecodeBlock(data, (const guchar *)text, (int)len);
	if (size < 0 || (size_t)size != len / 4 * 3)
		return NULL;

	return g_bytes_new_take(g_steal_pointer(&data), (gsize)size - padding);
}
