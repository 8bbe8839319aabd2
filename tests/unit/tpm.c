/* SPDX-License-Identifier: Apache-2.0 */
#include "host/tpm_archive.h"

#include <zlib.h>

/* A ustar entry of CONTENT, added to TAR. */
static void entry(GByteArray *tar, const char *name, char type, const char *content)
{
	guint8 header[512] = { 0 }, padding[512] = { 0 };
	size_t len = strlen(content);

	g_strlcpy((char *)header, name, 100);
	g_snprintf((char *)header + 124, 12, "%011o", (unsigned)len);
	header[156] = (guint8)type;
	memcpy(header + 257, "ustar", 5);
	g_byte_array_append(tar, header, sizeof(header));
	g_byte_array_append(tar, (const guint8 *)content, (guint)len);
	g_byte_array_append(tar, padding, (guint)((512 - len % 512) % 512));
}

static GBytes *unpack(const GByteArray *tar, GError **error)
{
	uLong size = compressBound(tar->len) + 64;
	g_autofree guint8 *out = g_malloc(size);
	z_stream z = { .next_in = tar->data, .avail_in = tar->len, .next_out = out,
		       .avail_out = (uInt)size };

	g_assert_cmpint(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), ==, Z_OK);
	g_assert_cmpint(deflate(&z, Z_FINISH), ==, Z_STREAM_END);
	deflateEnd(&z);
	return tpm_archive_unpack(out, z.total_out, error);
}

static void the_one_file_is_taken(void)
{
	g_autoptr(GByteArray) tar = g_byte_array_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = NULL;

	entry(tar, "./tpm/", '5', "");
	entry(tar, "./tpm/tpm2-00.permall", '0', "state");
	bytes = unpack(tar, &error);
	g_assert_no_error(error);
	g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "state", 5);
}

static void anything_else_is_refused(void)
{
	static const struct {
		const char *name;
		char type;
	} entries[] = {
		{ "deployment.0", '0' }, { "tpm/../disk.0", '0' }, { "/tpm/tpm2-00.permall", '0' },
		{ "tpm/tpm2-00.permall", '2' }, { "tpm/tpm2-00.permall", '1' }, { "tpm", '2' },
		{ "tpm/tpm2-00.permall2", '0' },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(entries); i++) {
		g_autoptr(GByteArray) tar = g_byte_array_new();
		g_autoptr(GError) error = NULL;

		entry(tar, "tpm/tpm2-00.permall", '0', "state");
		entry(tar, entries[i].name, entries[i].type, "x");
		g_assert_null(unpack(tar, &error));
		g_assert_error(error, VMM_ERROR, VMM_ERROR_INPUT);
	}
}

static void a_bomb_and_rubbish_are_refused(void)
{
	g_autofree char *big = g_strnfill(5 << 20, 'x');
	g_autoptr(GByteArray) tar = g_byte_array_new(), none = g_byte_array_new();

	entry(tar, "tpm/tpm2-00.permall", '0', big);
	g_assert_null(unpack(tar, NULL));
	g_assert_null(unpack(none, NULL));
	g_assert_null(tpm_archive_unpack("rubbish", 7, NULL));
	g_assert_null(tpm_archive_unpack("", 0, NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tpm/the-one-file-is-taken", the_one_file_is_taken);
	g_test_add_func("/tpm/anything-else-is-refused", anything_else_is_refused);
	g_test_add_func("/tpm/a-bomb-and-rubbish-are-refused", a_bomb_and_rubbish_are_refused);
	return g_test_run();
}
