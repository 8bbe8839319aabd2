/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/worker_order.h"

enum { MAX_WORDS = 10000 };

static const char list_begin[] = "vmmexec-worker 2 ";

struct head {
	guint32 argc, envc;
};

static guint32 append_words(GByteArray *to, const char *const *words)
{
	guint32 n = 0;

	for (const char *const *w = words; *w; w++, n++)
		g_byte_array_append(to, (const guint8 *)*w, (guint)strlen(*w) + 1);

	return n;
}

GBytes *worker_order_pack(const struct worker_order *order)
{
	GByteArray *message = g_byte_array_new();
	struct head head = { 0 };

	g_byte_array_append(message, (const guint8 *)&head, sizeof(head));
	g_byte_array_append(message, (const guint8 *)order->cwd, (guint)strlen(order->cwd) + 1);
	head.argc = append_words(message, order->argv);
	head.envc = append_words(message, order->env);
	memcpy(message->data, &head, sizeof(head));
	if (message->len <= WORKER_MAX_MESSAGE)
		return g_byte_array_free_to_bytes(message);

	g_byte_array_unref(message);

	return NULL;
}

/* The word at *AT, which is then behind it; NULL: there is none that ends before END. */
static const char *take_word(char **at, const char *end)
{
	const char *word = *at;
	const char *stop = memchr(word, '\0', (size_t)(end - word));

	if (!stop)
		return NULL;

	*at += stop + 1 - word;

	return word;
}

static const char *const *take_words(char **at, const char *end, guint32 n)
{
	const char **words = g_new0(const char *, n + 1);

	for (guint32 i = 0; i < n; i++) {
		words[i] = take_word(at, end);
		if (!words[i]) {
			g_free(words);
			return NULL;
		}
	}

	return words;
}

bool worker_order_parse(char *data, size_t size, struct worker_order *ret)
{
	char *at = data + sizeof(struct head);
	const char *end = data + size;
	struct worker_order order = { 0 };
	struct head head;

	if (size < sizeof(head))
		return false;

	memcpy(&head, data, sizeof(head));
	if (head.argc < 1 || head.argc > MAX_WORDS || head.envc > MAX_WORDS)
		return false;

	order.cwd = take_word(&at, end);
	if (order.cwd)
		order.argv = take_words(&at, end, head.argc);
	if (order.argv)
		order.env = take_words(&at, end, head.envc);
	if (order.env && at == end) {
		*ret = order;
		return true;
	}

	g_free((void *)order.argv);
	g_free((void *)order.env);

	return false;
}

char *worker_list_begin(const char *version)
{
	return g_strdup_printf("%s%s\n", list_begin, version);
}

GHashTable *worker_list_parse(const char *data, size_t size, const char *version)
{
	g_autofree char *text = g_strndup(data, size);
	g_autofree char *begin = worker_list_begin(version);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	GHashTable *list;

	if (!g_str_has_prefix(text, begin))
		return NULL;

	list = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	for (char **l = lines + 1; *l; l++) {
		char *blank = strchr(*l, ' ');

		if (blank)
			g_hash_table_replace(list, g_strndup(*l, (gsize)(blank - *l)),
					     g_strdup(blank + 1));
	}

	return list;
}
