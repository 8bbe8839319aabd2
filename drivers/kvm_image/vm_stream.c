/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BEGIN "kvm-image-vm 1\n"
#define END "kvm-image-vm end\n"

enum { SUM_BYTES = 32, MAX_TEXT = 4 << 20 };

static bool put_all(const void *data, size_t len, GError **error)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(STDOUT_FILENO, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vmm_fail(error, VMM_ERROR_CONNECTION, "cannot send: %s",
					g_strerror(errno));
		at += n;
		len -= (size_t)n;
	}

	return true;
}

static bool get_all(void *data, size_t len, GError **error)
{
	char *at = data;

	while (len) {
		ssize_t n = read(STDIN_FILENO, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return vmm_fail(error, VMM_ERROR_CONNECTION, "what is received ends too "
					"early");
		at += n;
		len -= (size_t)n;
	}

	return true;
}

static void sum_of(const char *text, gsize len, guint8 sum[SUM_BYTES])
{
	g_autoptr(GChecksum) c = g_checksum_new(G_CHECKSUM_SHA256);
	gsize n = SUM_BYTES;

	g_checksum_update(c, (const guchar *)text, (gssize)len);
	g_checksum_get_digest(c, sum, &n);
}

bool vm_stream_write_head(const VmMove *m, GError **error)
{
	g_autofree char *text = vm_move_print(m);
	gsize len = strlen(text);
	guint64 big = GUINT64_TO_BE(len);
	guint8 sum[SUM_BYTES];

	sum_of(text, len, sum);
	if (!put_all(BEGIN, strlen(BEGIN), error) || !put_all(&big, sizeof(big), error))
		return false;

	if (!put_all(sum, sizeof(sum), error))
		return false;

	return put_all(text, len, error);
}

bool vm_stream_write_end(GError **error)
{
	return put_all(END, strlen(END), error);
}

static bool fail_stream(GError **error)
{
	return vmm_fail(error, VMM_ERROR_INPUT, "what is received was not sent by kvm-image send "
			"--all, or was changed on its way");
}

/* RET: the text that says what follows. The caller frees. */
static bool get_head_text(char **ret, GError **error)
{
	char begin[sizeof(BEGIN)] = { 0 };
	guint8 said[SUM_BYTES], sum[SUM_BYTES];
	g_autofree char *text = NULL;
	guint64 len;

	if (!get_all(begin, strlen(BEGIN), error))
		return false;
	if (!g_str_equal(begin, BEGIN))
		return fail_stream(error);
	if (!get_all(&len, sizeof(len), error) || !get_all(said, sizeof(said), error))
		return false;

	len = GUINT64_FROM_BE(len);
	if (len > MAX_TEXT)
		return fail_stream(error);

	text = g_malloc0(len + 1);
	if (!get_all(text, len, error))
		return false;
	sum_of(text, len, sum);
	if (memcmp(sum, said, sizeof(sum)) != 0)
		return fail_stream(error);

	*ret = g_steal_pointer(&text);

	return true;
}

VmMove *vm_stream_read_head(GError **error)
{
	g_autofree char *text = NULL;

	if (!get_head_text(&text, error))
		return NULL;

	return vm_move_parse(text, "what is received", error);
}

bool vm_stream_read_end(GError **error)
{
	char end[sizeof(END)] = { 0 };

	if (!get_all(end, strlen(END), error))
		return false;

	return g_str_equal(end, END) || fail_stream(error);
}
