/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_check.h"
#include "image/image_header.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 65536 };

static char *dir;
static bool says_formats;	/* of the policy */
static guint8 image[SIZE];

static void put32(size_t at, guint32 value)
{
	for (int i = 3; i >= 0; i--, value >>= 8)
		image[at + (size_t)i] = (guint8)value;
}

static void put(size_t at, const char *text)
{
	memcpy(image + at, text, strlen(text));
}

/* A header of version 3 with 64 KiB clusters; BACKING and FORMAT may be NULL. */
static void qcow2(const char *backing, const char *format)
{
	memset(image, 0, SIZE);
	memcpy(image, "QFI\xfb\0\0\0\3", 8);
	put32(20, 16);
	put32(28, 1 << 20);
	put32(100, 104);
	if (format) {
		put32(104, 0xe2792acaU);
		put32(108, (guint32)strlen(format));
		put(112, format);
	}

	if (backing) {
		put32(12, 1024);
		put32(16, (guint32)strlen(backing));
		put(1024, backing);
	}
}

/* The image as file NAME; its path, which the caller frees. */
static char *store(const char *name)
{
	char *path = g_build_filename(dir, name, NULL);

	g_assert_true(g_file_set_contents(path, (const char *)image, SIZE, NULL));
	return path;
}

static bool check(const char *name, const char *format, GError **error)
{
	const char *const directories[] = { dir, NULL };
	const char *const none[] = { NULL };
	const char *const types[] = { "monolithicSparse", NULL };
	const struct image_policy policy = { directories, none, NULL, types, says_formats, NULL };
	g_autofree char *path = store(name);

	return image_check(path, format, &policy, error);
}

static void refused(const char *format, const char *why)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(check("image", format, &error));
	g_assert_nonnull(strstr(error->message, why));
}

static void accepted(const char *format)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(check("image", format, &error));
	g_assert_no_error(error);
}

static void fields_of_qcow2(void)
{
	struct image_header h;
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL;

	qcow2("base", "raw");
	path = store("image");
	g_assert_true(image_header_load(path, &h, &error));
	g_assert_cmpstr(h.format, ==, "qcow2");
	g_assert_cmpuint(h.size, ==, 1 << 20);
	g_assert_cmpstr(h.backing, ==, "base");
	g_assert_cmpstr(h.backing_format, ==, "raw");
	g_assert_null(h.data_file);
	image_header_clear(&h);
}

static void malformed_qcow2_is_refused(void)
{
	qcow2("base", "raw");
	put32(20, 33);
	refused("qcow2", "cluster size");
	qcow2("base", "raw");
	put32(100, 0xfffffff8U);
	refused("qcow2", "its length");
	qcow2("base", "raw");
	put32(108, 0xfffffff0U);
	refused("qcow2", "an extension is too long");
	qcow2("base", "a format of many letters");
	refused("qcow2", "the backing format is too long");
	qcow2("base", "raw");
	put32(8, 0xffffffffU);
	refused("qcow2", "the backing file's name is elsewhere");
	qcow2("base", "raw");
	put32(16, 1024);
	refused("qcow2", "a name is empty or too long");
	qcow2("base", "raw");
	image[1026] = 0;
	refused("qcow2", "holds a NUL");
	qcow2(NULL, NULL);
	put32(72, 1);
	refused("qcow2", "unknown features");
	qcow2(NULL, NULL);
	put(512, "EFI PART");
	refused("qcow2", "is both qcow2 and gpt");
}

static void what_leads_elsewhere_is_refused(void)
{
	static const char *const protocols[] = {
		"json:{\"driver\":\"file\"}", "nbd://host/x", "http://host/x", "file:/etc/passwd",
		"rbd:pool/x",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++) {
		qcow2(protocols[i], "raw");
		refused("qcow2", "which is not a path");
	}

	qcow2("/etc/passwd", "raw");
	refused("qcow2", "is backed by /etc/passwd, which is not in a datastore");
	qcow2("../../../../../../../../etc/passwd", "raw");
	refused("qcow2", "is backed by /etc/passwd, which is not in a datastore");
	qcow2("none", "raw");
	refused("qcow2", "cannot be found");
	qcow2(NULL, NULL);
	put32(76, 4);
	refused("qcow2", "has its data in another file");
	put32(104, 0x44415441U);
	put32(108, 3);
	put(112, "/x/");
	refused("qcow2", "has its data in another file, /x/");
}

static void a_link_does_not_hide_a_place(void)
{
	g_autofree char *link = g_build_filename(dir, "link", NULL);

	g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
	qcow2("link", "raw");
	refused("qcow2", "is backed by /etc/passwd, which is not in a datastore");
	g_unlink(link);
}

static void chains_end(void)
{
	g_autofree char *base = NULL;
	g_autofree char *middle = NULL;

	memset(image, 0, SIZE);
	base = store("base");
	qcow2("base", "raw");
	middle = store("middle");
	qcow2("middle", "qcow2");
	accepted("qcow2");
	qcow2("middle", NULL);
	refused("qcow2", "does not say that its backing file");
	qcow2("base", NULL);
	accepted("qcow2");
	says_formats = true;
	refused("qcow2", "does not say that its backing file");
	says_formats = false;
	qcow2("middle", "qed");
	refused("qcow2", "is declared as qed, but it is qcow2");
	qcow2("/etc/passwd", "raw");
	g_free(middle);
	middle = store("middle");
	qcow2("middle", "qcow2");
	refused("qcow2", "is backed by /etc/passwd");
	qcow2("image", "qcow2");
	refused("qcow2", "or they form a loop");
	g_unlink(base);
	g_unlink(middle);
}

static void raw_stays_raw(void)
{
	qcow2("/etc/passwd", "raw");
	accepted("raw");
	memset(image, 0, SIZE);
	refused("qcow2", "is declared as qcow2, but it is raw");
}

static void vmdk(const char *descriptor)
{
	memset(image, 0, SIZE);
	put(0, "KDMV");
	image[13] = 8;
	image[28] = 1;
	put(512, descriptor);
}

static void vmdks(void)
{
	vmdk("createType=\"monolithicSparse\"\nRW 8 SPARSE \"x\"\n");
	accepted("vmdk");
	image[13] = 0;	/* no capacity: the extents are opened */
	refused("vmdk", "has its data in another file, x");
	vmdk("createType=\"monolithicFlat\"\n");
	refused("vmdk", "of create type 'monolithicFlat'");
	vmdk("createType=\"monolithicSparse");
	refused("vmdk", "of create type ''");
	vmdk("createType=\"monolithicSparse\"\nparentFileNameHint=\"/etc/passwd\"\n");
	refused("vmdk", "is backed by /etc/passwd");
	image[28] = 2;	/* the parent is looked for in the second sector all the same */
	refused("vmdk", "its descriptor is not in the second sector");
	memset(image, 0, SIZE);
	put(0, "# Disk DescriptorFile\ncreateType=\"monolithicSparse\"\n"
	    "RW 8 FLAT \"/etc/passwd\" 0\n");
	refused("vmdk", "has its data in another file, /etc/passwd");
}

static void the_others(void)
{
	memset(image, 0, SIZE);
	put(0, "QED");
	image[16] = 5;
	image[57] = 4;
	image[60] = 11;
	put(1024, "/etc/passwd");
	refused("qed", "is backed by /etc/passwd");
	image[16] = 0;
	accepted("qed");
	memset(image, 0, SIZE);
	put(0, "LUKS\xba\xbe");
	accepted("luks");
	memset(image, 0, SIZE);
	put(0, "vhdxfile");
	accepted("vhdx");
	memset(image, 0, SIZE);
	put(64, "\x7f\x10\xda\xbe");
	accepted("vdi");
	memset(image, 0, SIZE);
	memcpy(image, "QFI\xfb\0\0\0\1", 8);
	put32(12, 1024);
	put32(16, 11);
	put(1024, "/etc/passwd");
	refused("qcow", "is backed by /etc/passwd");
	memset(image, 0, SIZE);
	put(512, "EFI PART");
	put(32769, "CD001");
	accepted("iso");
}

/* Opening a FIFO would wait for its writer. */
static void what_is_no_file_is_not_opened(void)
{
	struct image_header h;
	g_autofree char *path = g_build_filename(dir, "fifo", NULL);
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(mkfifo(path, 0600), ==, 0);
	g_assert_false(image_header_load(path, &h, &error));
	g_assert_nonnull(strstr(error->message, "is neither a file nor a block device"));
	g_unlink(path);
}

int main(int argc, char **argv)
{
	g_autofree char *made = NULL;
	g_autofree char *last = NULL;
	int rc;

	g_test_init(&argc, &argv, NULL);
	made = g_dir_make_tmp(NULL, NULL);
	dir = realpath(made, NULL);
	g_test_add_func("/image/fields_of_qcow2", fields_of_qcow2);
	g_test_add_func("/image/malformed_qcow2_is_refused", malformed_qcow2_is_refused);
	g_test_add_func("/image/what_leads_elsewhere_is_refused", what_leads_elsewhere_is_refused);
	g_test_add_func("/image/a_link_does_not_hide_a_place", a_link_does_not_hide_a_place);
	g_test_add_func("/image/chains_end", chains_end);
	g_test_add_func("/image/raw_stays_raw", raw_stays_raw);
	g_test_add_func("/image/vmdks", vmdks);
	g_test_add_func("/image/the_others", the_others);
	g_test_add_func("/image/what_is_no_file_is_not_opened", what_is_no_file_is_not_opened);
	rc = g_test_run();
	last = g_build_filename(dir, "image", NULL);
	g_unlink(last);
	g_rmdir(dir);
	free(dir);
	return rc;
}
