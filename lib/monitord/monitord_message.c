/* SPDX-License-Identifier: Apache-2.0 */
#include "monitord/monitord_message.h"

#include <string.h>
#include <zlib.h>

static void message_free(void *data)
{
	struct monitord_message *m = data;

	g_free(m->line);
	g_free(m);
}

/* The caller frees. */
static char *deflated(const void *data, size_t len, GError **error)
{
	uLongf size = compressBound(len);
	g_autofree guchar *packed = g_malloc(size);

	if (compress2(packed, &size, data, len, Z_BEST_COMPRESSION) == Z_OK)
		return g_base64_encode(packed, size);

	vmm_fail(error, VMM_ERROR_INTERNAL, "cannot compress a message for monitord");

	return NULL;
}

static char *payload(const MonitordKey *key, const char *text, size_t len, GError **error)
{
	g_autoptr(GByteArray) encrypted = NULL;

	if (!key)
		return deflated(text, len, error);
	encrypted = monitord_key_encrypt(key, text, len, error);
	if (!encrypted)
		return NULL;

	return deflated(encrypted->data, encrypted->len, error);
}

struct packing {
	const struct monitord_head *head;
	const MonitordKey *key;
	GPtrArray *list;
};

/* Where the second half of the lines of TEXT begins; 0: it is one line. */
static size_t middle(const char *text, size_t len)
{
	const char *half = text + len / 2, *end = text + len - 1;
	const char *at = memchr(half, '\n', (size_t)(end - half));

	if (!at)
		at = memrchr(text, '\n', len / 2);
	if (!at)
		return 0;

	return (size_t)(at - text) + 1;
}

static bool pack(const struct packing *p, const char *text, size_t len, GError **error)
{
	const struct monitord_set *set = &monitord_sets[p->head->set];
	g_autofree char *data = payload(p->key, text, len, error);
	g_autofree char *line = NULL;
	struct monitord_message *m;
	size_t half = 0;
	bool fits;

	if (!data)
		return false;
	line = g_strdup_printf("%s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s", set->message,
			       p->head->ok ? "SUCCESS" : "FAILURE", p->head->host_id,
			       p->head->time_s, data);
	fits = strlen(line) <= MONITORD_UDP_BYTES;
	if (!fits && set->by_vm && len)
		half = middle(text, len);
	if (half)
		return pack(p, text, half, error) && pack(p, text + half, len - half, error);

	m = g_new(struct monitord_message, 1);
	m->line = g_steal_pointer(&line);
	m->tcp = set->tcp || !fits;
	g_ptr_array_add(p->list, m);

	return true;
}

GPtrArray *monitord_pack(const struct monitord_head *head, const MonitordKey *key,
			 const char *text, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(message_free);
	const struct packing p = { .head = head, .key = key, .list = list };

	if (!pack(&p, text, strlen(text), error))
		return NULL;

	return g_steal_pointer(&list);
}
