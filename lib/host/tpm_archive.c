/* SPDX-License-Identifier: Apache-2.0 */
#include "host/tpm_archive.h"

#include <sys/stat.h>
#include <zlib.h>

#include "base/file.h"
#include "xml/xml.h"

enum { MAX_UNPACKED = 4 << 20, BLOCK = 512, GZIP_WINDOW = 15 + 16 };

static const char member[] = "tpm/tpm2-00.permall";

/* Offsets of a ustar header. */
enum { NAME_LEN = 100, SIZE = 124, SIZE_LEN = 12, TYPE = 156, MAGIC = 257 };

static bool bad(GError **error, const char *why)
{
	return vmm_fail(error, VMM_ERROR_INPUT, "TPM_STATE: %s", why);
}

static GByteArray *inflate_all(const void *data, size_t len, GError **error)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	z_stream z = { .next_in = (void *)data, .avail_in = (uInt)MIN(len, MAX_UNPACKED) };
	unsigned char buf[16384];
	int rc = inflateInit2(&z, GZIP_WINDOW);

	while (rc == Z_OK && out->len <= MAX_UNPACKED) {
		z.next_out = buf;
		z.avail_out = sizeof(buf);
		rc = inflate(&z, Z_NO_FLUSH);
		g_byte_array_append(out, buf, (guint)(sizeof(buf) - z.avail_out));
	}

	inflateEnd(&z);
	if (out->len > MAX_UNPACKED)
		bad(error, "more than 4 MiB unpacked");
	else if (rc != Z_STREAM_END)
		bad(error, "not a whole gzip file");
	else
		return g_steal_pointer(&out);

	return NULL;
}

static bool octal(const unsigned char *text, size_t len, size_t *ret)
{
	size_t n = 0, i = 0;

	while (i < len && text[i] == ' ')
		i++;
	for (; i < len && text[i] >= '0' && text[i] <= '7'; i++)
		n = n * 8 + (size_t)(text[i] - '0');
	*ret = n;
	if (i == len)
		return true;
	if (text[i] == ' ')
		return true;

	return text[i] == '\0';
}

/* "./" in front and "/" behind are how tar writes it. */
static bool name_is(const unsigned char *header, const char *wanted)
{
	g_autofree char *name = g_strndup((const char *)header, NAME_LEN);
	const char *p = g_str_has_prefix(name, "./") ? name + 2 : name;
	size_t len = strlen(p);

	if (len && p[len - 1] == '/')
		len--;

	if (strlen(wanted) != len)
		return false;

	return !strncmp(p, wanted, len);
}

/* The SIZE of the entry whose header is H. False: H is no header, or more than ROOM. */
static bool read_size(const unsigned char *h, size_t room, size_t *size)
{
	if (memcmp(h + MAGIC, "ustar", 5) != 0)
		return false;
	if (!octal(h + SIZE, SIZE_LEN, size))
		return false;

	return *size <= room;
}

static bool is_expected_directory(const unsigned char *h)
{
	static const char *const names[] = { "tpm", ".", "" };

	if (h[TYPE] != '5')
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (name_is(h, names[i]))
			return true;

	return false;
}

static bool is_member(const unsigned char *h)
{
	bool is_file = h[TYPE] == '0' || !h[TYPE];

	if (!is_file)
		return false;

	return name_is(h, member);
}

static GBytes *member_of(const GByteArray *tar, GError **error)
{
	GBytes *found = NULL;

	for (size_t at = 0; at + BLOCK <= tar->len && tar->data[at];) {
		const unsigned char *h = tar->data + at;
		size_t size;

		at += BLOCK;
		if (!read_size(h, tar->len - at, &size)) {
			bad(error, "not a tar archive");
			break;
		}

		if (is_expected_directory(h))
			continue;
		if (!is_member(h) || found) {
			bad(error, "may hold tpm/tpm2-00.permall only");
			break;
		}

		found = g_bytes_new(tar->data + at, size);
		at += MIN((size + BLOCK - 1) / BLOCK * BLOCK, tar->len - at);
	}

	if (error && *error)
		g_clear_pointer(&found, g_bytes_unref);
	else if (!found)
		bad(error, "holds no tpm/tpm2-00.permall");

	return found;
}

GBytes *tpm_archive_unpack(const void *archive, size_t len, GError **error)
{
	g_autoptr(GByteArray) tar = inflate_all(archive, len, error);
	g_autoptr(GError) cause = NULL;
	GBytes *bytes = tar ? member_of(tar, &cause) : NULL;

	if (cause)
		vmm_pass(error, &cause);

	return bytes;
}

bool tpm_archive_prepare(const xmlNode *vm, const char *directory, GError **error)
{
	g_autofree char *own = g_build_filename(directory, "tpm", NULL);
	g_autofree char *path = g_build_filename(directory, member, NULL);
	g_autofree char *text = xml_child_text(xml_child(vm, "USER_TEMPLATE"), "TPM_STATE");
	g_autofree guchar *archive = NULL;
	g_autoptr(GBytes) bytes = NULL;
	struct stat st;
	gsize len;

	if (!text)
		return true;
	if (lstat(own, &st) == 0)
		return true;
	archive = g_base64_decode(text, &len);
	bytes = tpm_archive_unpack(archive, len, error);
	if (!bytes)
		return false;
	if (!file_make_directory(own, error))
		return false;

	return file_write(path, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0600,
			  error);
}
