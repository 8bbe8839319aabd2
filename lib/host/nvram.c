/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nvram.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/qemu_img.h"
#include "action/process.h"
#include "base/file.h"
#include "base/text.h"
#include "xml/xml.h"

#define STORE_SUFFIX "_VARS.fd"

enum { MAX_BYTES = 64 << 20 };

static bool run_qemu_img(const struct action_ctx *ctx, const char *const *words,
			 struct child_result *ret, GError **error)
{
	if (!process_run(ctx, "QEMU_IMG", "qemu-img", words, ret, error))
		return false;

	return child_result_check(ret, "qemu-img", error);
}

static bool copy(const char *from, const char *to, GError **error)
{
	GString *bytes = file_read(from, MAX_BYTES, error);
	bool ok = bytes && file_write(to, bytes->str, bytes->len, 0600, error);

	if (bytes)
		g_string_free(bytes, TRUE);

	return ok;
}

static bool convert(const struct action_ctx *ctx, const char *from, const char *format,
		    const char *to, GError **error)
{
	g_autofree char *temp = g_strdup_printf("%s.%d.new", to, (int)getpid());
	const char *words[] = { "convert", "-O", format, from, temp, NULL };
	struct child_result result = { 0 };
	bool ok = run_qemu_img(ctx, words, &result, error);

	child_result_clear(&result);
	if (ok && (chmod(temp, 0600) < 0 || rename(temp, to) < 0))
		ok = vmm_fail_errno(error, errno, "cannot make %s", to);
	if (!ok)
		unlink(temp);

	return ok;
}

/* Two paths of one directory. */
static bool is_same(const char *a, const char *b)
{
	struct stat one, other;

	if (stat(a, &one) < 0)
		return false;
	if (stat(b, &other) < 0)
		return false;

	return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/*
 * The one file of DIRECTORY that can be the same store under the name that the
 * VM had before; NULL when there is none, or more than one. The caller frees.
 */
static char *older_store(const char *directory)
{
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	char *found = NULL;
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		struct stat st;
		g_autofree char *path = g_build_filename(directory, name, NULL);

		if (!g_str_has_suffix(name, STORE_SUFFIX))
			continue;
		if (lstat(path, &st) < 0)
			continue;
		if (!S_ISREG(st.st_mode))
			continue;
		if (found) {
			g_free(found);
			return NULL;
		}

		found = g_steal_pointer(&path);
	}

	return found;
}

/*
 * *RET_DONE: the store was there under another name. In a directory that is not the VM's own, OWN,
 * the only other store is another VM's.
 */
static bool adopt(const char *directory, const char *own, const char *path, bool *ret_done,
		  GError **error)
{
	g_autofree char *older = NULL;

	if (g_str_has_suffix(path, STORE_SUFFIX) && is_same(directory, own))
		older = older_store(directory);
	*ret_done = older;
	if (!older)
		return true;
	if (rename(older, path) < 0)
		return vmm_fail_errno(error, errno, "cannot rename %s to %s", older, path);
	action_log("INFO", "the UEFI variables %s are now %s", older, path);

	return true;
}

bool nvram_prepare(const struct action_ctx *ctx, const xmlNode *domain, const char *vm_directory,
		   GError **error)
{
	xmlNode *nvram = xml_child(xml_child(domain, "os"), "nvram");
	g_autofree char *path = g_strstrip(xml_text(nvram) ?: g_strdup(""));
	g_autofree char *own = xml_attribute(nvram, "template");
	g_autofree char *wanted = xml_attribute(nvram, "format");
	const char *format = text_or(wanted, "raw");
	const char *template = conf_kvmrc_string(ctx->rc, "OVMF_NVRAM");
	g_autofree char *directory = NULL;
	bool done = false, ok;
	struct qemu_image image;
	struct stat st;

	if (!*path)
		return true;
	if (own)
		return true;
	if (lstat(path, &st) == 0)
		return true;
	if (!g_path_is_absolute(path))
		return vmm_fail(error, VMM_ERROR_INPUT, "os/nvram: '%s' is not absolute", path);
	directory = g_path_get_dirname(path);
	if (!file_make_directory(directory, error))
		return false;
	if (!adopt(directory, vm_directory, path, &done, error))
		return false;
	if (done)
		return true;
	if (!qemu_img_read(ctx, template, &image, error)) {
		g_prefix_error(error, "cannot make the UEFI variables %s: ", path);
		vmm_error_set_hint(error, "see OVMF_NVRAM in kvmrc");
		return false;
	}

	if (g_str_equal(image.format, format))
		ok = copy(template, path, error);
	else
		ok = convert(ctx, template, format, path, error);
	qemu_img_clear(&image);

	return ok;
}
