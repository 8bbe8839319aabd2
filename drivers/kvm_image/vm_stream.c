/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_stream.h"

#include <string.h>
#include <unistd.h>

#include "image_stream.h"

#define BEGIN "kvm-image-vm 1\n"
#define END "kvm-image-vm end\n"

enum { SUM_BYTES = 32, MAX_TEXT = 4 << 20 };

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
	if (!image_stream_put(STDOUT_FILENO, BEGIN, strlen(BEGIN), error))
		return false;
	if (!image_stream_put(STDOUT_FILENO, &big, sizeof(big), error))
		return false;

	if (!image_stream_put(STDOUT_FILENO, sum, sizeof(sum), error))
		return false;

	return image_stream_put(STDOUT_FILENO, text, len, error);
}

bool vm_stream_write_end(GError **error)
{
	return image_stream_put(STDOUT_FILENO, END, strlen(END), error);
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

	if (!image_stream_get(STDIN_FILENO, begin, strlen(BEGIN), error))
		return false;
	if (!g_str_equal(begin, BEGIN))
		return fail_stream(error);
	if (!image_stream_get(STDIN_FILENO, &len, sizeof(len), error))
		return false;
	if (!image_stream_get(STDIN_FILENO, said, sizeof(said), error))
		return false;

	len = GUINT64_FROM_BE(len);
	if (len > MAX_TEXT)
		return fail_stream(error);

	text = g_malloc0(len + 1);
	if (!image_stream_get(STDIN_FILENO, text, len, error))
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

	if (!image_stream_get(STDIN_FILENO, end, strlen(END), error))
		return false;

	return g_str_equal(end, END) || fail_stream(error);
}
