/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/text.h"
#include "image/image_header.h"

enum { MAX_DEPTH = 64 };

/* What QEMU takes for "PROTOCOL:…": a colon before the first slash. */
static bool has_protocol(const char *name)
{
	return name[strcspn(name, ":/")] == ':';
}

/* What of PATH is below DIRECTORY; borrowed; NULL when it is not there. */
static const char *below(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	while (len && directory[len - 1] == '/')
		len--;
	if (!len || strncmp(path, directory, len) || path[len] != '/')
		return NULL;

	return path + len + 1;
}

/* As below(), DIRECTORY with its links resolved. */
static const char *below_resolved(const char *path, const char *directory)
{
	char *resolved = realpath(directory, NULL);
	const char *rest = resolved ? below(path, resolved) : NULL;

	free(resolved);

	return rest;
}

/* What is behind "NUMBER/" in PATH; borrowed; NULL when it does not begin so. */
static const char *behind_number(const char *path)
{
	size_t len = strspn(path, "0123456789");

	return len && path[len] == '/' ? path + len + 1 : NULL;
}

/* Whether REST, below one datastore, is an image, or in the directory of the VM itself. */
static bool is_of_vm(const char *rest, const char *vm_id)
{
	const char *file = behind_number(rest);

	if (!file)
		return true;
	if (!vm_id)
		return false;

	return strlen(vm_id) == (size_t)(file - 1 - rest) && g_str_has_prefix(rest, vm_id);
}

/*
 * NAMED is how the chain calls RESOLVED. A datastore may be a link to its mount: only the one that
 * is named is resolved, as another one's server may not answer.
 */
static bool is_in_stores(const char *resolved, const char *named, const char *stores,
			 const char *vm_id)
{
	const char *rest = below_resolved(resolved, stores);
	g_autofree char *plain = g_canonicalize_filename(named, "/");
	g_autofree char *store = NULL;

	if (rest) {
		rest = behind_number(rest);
		return rest && is_of_vm(rest, vm_id);
	}

	rest = below(plain, stores);
	if (!rest)
		return false;
	if (!behind_number(rest))
		return false;
	store = g_strndup(plain, (gsize)(behind_number(rest) - 1 - plain));
	rest = below_resolved(resolved, store);

	return rest && is_of_vm(rest, vm_id);
}

static bool is_allowed(const char *resolved, const char *named, const struct image_policy *policy)
{
	for (const char *const *d = policy->directories; *d; d++)
		if (below_resolved(resolved, *d))
			return true;
	for (const char *const *s = policy->stores; *s; s++)
		if (is_in_stores(resolved, named, *s, policy->vm_id))
			return true;

	return false;
}

/* Of FILE, which backs image OF. */
static bool check_place(const char *file, const char *of, const struct image_policy *policy,
			GError **error)
{
	char *resolved = realpath(file, NULL);
	bool ok;

	if (!resolved)
		return vmm_fail_errno(error, errno, "%s is backed by %s, which cannot be found", of,
				      file);
	ok = is_allowed(resolved, file, policy);
	if (!ok) {
		vmm_fail(error, VMM_ERROR_REFUSED,
			 "%s is backed by %s, which is not in a datastore of the VM", of, resolved);
		vmm_error_set_hint(error, "qemu-img rebase, or IMAGE_BACKING_PATHS in kvmrc");
	}
	free(resolved);

	return ok;
}

static bool check_vmdk(const char *path, const struct image_header *h,
		       const struct image_policy *policy, GError **error)
{
	const char *type = text_or(h->create_type, "");

	if (g_strv_contains(policy->vmdk_types, type))
		return true;
	vmm_fail(error, VMM_ERROR_REFUSED, "%s is a vmdk of create type '%s', which is not allowed",
		 path, type);
	vmm_error_set_hint(error, "qemu-img convert, or VMDK_ALLOWED_TYPES in kvmrc");

	return false;
}

static bool check_format(const char *path, const char *format, const struct image_header *h,
			 GError **error)
{
	bool is_optical = g_str_equal(h->format, "iso") && g_strcmp0(h->also, "gpt") == 0;

	if (!g_str_equal(h->format, format)) {
		vmm_fail(error, VMM_ERROR_INPUT, "%s is declared as %s, but it is %s", path, format,
			 h->format);
		vmm_error_set_hint(error, "correct DRIVER, or the image's FORMAT");
		return false;
	}

	if (h->also && !is_optical)
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s is both %s and %s", path, h->format,
				h->also);

	return true;
}

/* BACKING, as image OF names it. */
static bool check_is_path(const char *backing, const char *of, GError **error)
{
	if (!has_protocol(backing))
		return true;

	vmm_fail(error, VMM_ERROR_REFUSED, "%s is backed by %s, which is not a path", of, backing);
	vmm_error_set_hint(error, "qemu-img rebase");

	return false;
}

/* One image of the chain, which is not raw. */
static bool check_header(const char *path, const char *format, const struct image_header *h,
			 const struct image_policy *policy, GError **error)
{
	if (!check_format(path, format, h, error))
		return false;
	if (g_str_equal(format, "vmdk") && !check_vmdk(path, h, policy, error))
		return false;
	if (h->data_file) {
		vmm_fail(error, VMM_ERROR_REFUSED, "%s has its data in another file%s%s", path,
			 *h->data_file ? ", " : "", h->data_file);
		vmm_error_set_hint(error, "qemu-img convert makes one file of it");
		return false;
	}

	return !h->backing || check_is_path(h->backing, path, error);
}

/* QEMU takes a relative name from the directory that the image was named in, links unresolved. */
static char *backing_path(const char *path, const char *backing)
{
	g_autofree char *directory = g_path_get_dirname(path);

	if (g_path_is_absolute(backing))
		return g_strdup(backing);

	return g_build_filename(directory, backing, NULL);
}

static const char *fail_undeclared(const char *file, const char *of, const char *format,
				   GError **error)
{
	vmm_fail(error, VMM_ERROR_REFUSED, "%s does not say that its backing file %s is %s", of,
		 file, format);
	vmm_error_set_hint(error, "qemu-img rebase -u -b … -F %s %s", format, of);

	return NULL;
}

/* The format of backing file FILE of image OF, which declares none; NULL with ERROR set. */
static const char *undeclared_format(const char *file, const char *of,
				     const struct image_policy *policy, GError **error)
{
	struct image_header h = { 0 };
	const char *found;

	if (!image_header_load(file, &h, error))
		return NULL;
	found = h.format;
	image_header_clear(&h);
	if (policy->says_formats)
		return fail_undeclared(file, of, found, error);
	if (g_str_equal(found, "raw") || g_str_equal(found, "iso") || g_str_equal(found, "gpt"))
		return "raw";

	return fail_undeclared(file, of, found, error);
}

/*
 * Checks PATH and gives the next image of the chain with its format; NULL when there is none.
 * The caller frees.
 */
static bool check_link(const char *path, const char *format, const struct image_policy *policy,
		       char **ret_path, char **ret_format, GError **error)
{
	struct image_header h = { 0 };
	g_autofree char *next = NULL;
	g_autofree char *next_format = NULL;
	bool ok = false;

	if (!image_header_load(path, &h, error))
		return false;
	if (check_header(path, format, &h, policy, error)) {
		next = h.backing ? backing_path(path, h.backing) : NULL;
		ok = !next || check_place(next, path, policy, error);
	}

	if (ok && next) {
		next_format = g_strdup(h.backing_format ? h.backing_format :
				       undeclared_format(next, path, policy, error));
		ok = next_format != NULL;
	}

	image_header_clear(&h);
	if (!ok)
		return false;
	*ret_path = g_steal_pointer(&next);
	*ret_format = g_steal_pointer(&next_format);

	return true;
}

/*
 * Checks that image AT in the chain of PATH is not the file that is about to be replaced, whatever
 * its name.
 */
static bool check_stays(const char *at, const char *path, const struct image_policy *policy,
			GError **error)
{
	struct stat a, b;

	if (!policy->replaced || stat(at, &a) < 0 || lstat(policy->replaced, &b) < 0)
		return true;
	if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return true;

	vmm_fail(error, VMM_ERROR_REFUSED, "%s cannot be replaced: it is %s, or backs it",
		 policy->replaced, path);
	vmm_error_set_hint(error, "other images may need it, too: give a name that is not there");

	return false;
}

bool image_check(const char *path, const char *format, const struct image_policy *policy,
		 GError **error)
{
	g_autofree char *at = g_strdup(path);
	g_autofree char *at_format = g_strdup(format);

	for (int depth = 0; at; depth++) {
		g_autofree char *next = NULL;
		g_autofree char *next_format = NULL;

		if (!check_stays(at, path, policy, error))
			return false;
		if (g_str_equal(at_format, "raw"))
			return true;
		if (depth == MAX_DEPTH)
			return vmm_fail(error, VMM_ERROR_REFUSED,
					"%s has more than %d backing files, or they form a loop",
					path, MAX_DEPTH);
		if (!check_link(at, at_format, policy, &next, &next_format, error))
			return false;
		g_free(at);
		at = g_steal_pointer(&next);
		g_free(at_format);
		at_format = g_steal_pointer(&next_format);
	}

	return true;
}

bool image_check_backing(const char *image, const char *backing, const char *format,
			 const struct image_policy *policy, GError **error)
{
	g_autofree char *path = backing_path(image, backing);

	if (!check_is_path(backing, image, error))
		return false;
	if (!check_place(path, image, policy, error))
		return false;

	return image_check(path, format, policy, error);
}
