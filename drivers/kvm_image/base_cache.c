/* SPDX-License-Identifier: Apache-2.0 */
#include "base_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "image_file.h"

#define CACHE ".cache"
#define BASE ".base"
#define LOCK ".lock"

enum { SUM_DIGITS = 64, BASE_MODE = 0400, PIECE = 1 << 20 };

static char *cache_beside(const char *directory)
{
	g_autofree char *store = g_path_get_dirname(directory);

	return g_build_filename(store, CACHE, NULL);
}

/*
 * The name changes if the image was replaced or written to since. A copy of an image keeps its
 * time.
 */
static char *base_name(const struct image_copy *c)
{
	guint64 inode = c->stands_for ? 0 : (guint64)c->seen.st_ino;
	g_autofree char *of = g_strdup_printf(
		"%s %s %s %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld",
		text_or(c->stands_for, c->from), c->format, c->to_format, inode,
		(gint64)c->seen.st_size,
		(gint64)c->seen.st_mtim.tv_sec, c->seen.st_mtim.tv_nsec);
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, of, -1);

	return g_strdup_printf("%s.%s" BASE, sum, c->to_format);
}

/*
 * Locks BASE, to make or to remove it. -1 with ERROR set; with NOW also if another process has the
 * lock.
 */
static int lock_base(const char *base, bool now, GError **error)
{
	g_autofree char *path = g_strconcat(base, LOCK, NULL);
	int fd;

	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0) {
			vmm_fail_errno(error, errno, "cannot lock %s", base);
			return -1;
		}

		if (flock(fd, now ? LOCK_EX | LOCK_NB : LOCK_EX) < 0) {
			vmm_fail_errno(error, errno, "cannot lock %s", base);
			close(fd);
			return -1;
		}

		/* Its last owner may have removed it. */
		if (image_file_is(fd, path))
			return fd;
		close(fd);
	}
}

static bool check_base(const struct image_copy *c, const char *base, GError **error)
{
	struct image_header h = { 0 };
	guint64 size = 0;
	bool ok;

	if (!image_header_load(base, &h, error))
		return false;

	ok = g_str_equal(c->to_format, "raw") ||
	     (g_str_equal(h.format, "qcow2") && !h.backing && !h.data_file);
	image_header_clear(&h);
	if (ok)
		ok = image_job_virtual_size(base, c->to_format, &size, error) && size == c->size;
	if (ok)
		return true;

	g_clear_error(error);
	vmm_fail(error, VMM_ERROR_REFUSED, "%s is not the base that was made of %s", base, c->from);
	vmm_error_set_hint(error, "move it away; the VMs that use it keep their link to it");

	return false;
}

static bool make_base(struct image_copy *c, const char *base, GError **error)
{
	struct image_file file;
	bool ok = image_file_open(&file, base, false, error);

	if (ok)
		ok = image_copy_measure(c, error);
	if (ok)
		ok = image_copy_run(c, file.handle, error);
	if (ok && fchmod(file.fd, BASE_MODE) < 0)
		ok = vmm_fail_errno(error, errno, "cannot make %s", base);
	if (ok)
		ok = image_file_publish(&file, error);
	image_file_clear(&file);

	return ok;
}

bool base_cache_link(struct image_copy *c, const char *directory, const char *name, GError **error)
{
	g_autofree char *cache = cache_beside(directory);
	g_autofree char *file = base_name(c);
	g_autofree char *base = g_build_filename(cache, file, NULL);
	int lock;
	bool ok;

	if (mkdir(cache, 0755) < 0 && errno != EEXIST)
		return vmm_fail_errno(error, errno, "cannot make directory %s", cache);
	lock = lock_base(base, false, error);
	if (lock < 0)
		return false;

	c->to = base;
	ok = access(base, F_OK) == 0 ? check_base(c, base, error) : make_base(c, base, error);
	c->to = NULL;
	if (ok && link(base, name) < 0)
		ok = vmm_fail_errno(error, errno, "cannot link %s to %s", name, base);
	close(lock);

	return ok;
}

/*
 * Whether base_name() makes names like NAME, whatever comes behind: all other files belong to
 * others.
 */
static bool is_ours(const char *name)
{
	size_t i = 0;

	name += *name == '.';	/* of one that is unfinished */
	while (g_ascii_isxdigit(name[i]))
		i++;

	return i == SUM_DIGITS && name[i] == '.';
}

char *base_cache_find(const char *directory, const char *link)
{
	g_autofree char *cache = cache_beside(directory);
	g_autoptr(GDir) dir = g_dir_open(cache, 0, NULL);
	int fd = open(link, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	const char *name, *found = NULL;

	while (fd >= 0 && dir && !found && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(cache, name, NULL);
		bool is_base = *name != '.' && is_ours(name) && g_str_has_suffix(name, BASE);

		if (is_base && image_file_is(fd, path))
			found = name;
	}

	if (fd >= 0)
		close(fd);

	return g_strdup(found);
}

/* Whether both have the same bytes; false also when they cannot be read. */
static bool are_equal(int a, int b)
{
	g_autofree char *first = g_malloc(PIECE), *second = g_malloc(PIECE);

	for (off_t at = 0;;) {
		ssize_t n = pread(a, first, PIECE, at);
		ssize_t m = pread(b, second, PIECE, at);

		if (n < 0 || n != m || memcmp(first, second, (size_t)n) != 0)
			return false;
		if (!n)
			return true;
		at += n;
	}
}

static bool has_same_bytes(const char *base, const char *part)
{
	int a = open(base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int b = open(part, O_RDONLY | O_CLOEXEC);
	bool ok = a >= 0 && b >= 0 && are_equal(a, b);

	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);

	return ok;
}

/* With the lock of BASE. PART is a handle, which leads to the file. */
static bool link_or_join(const char *base, const char *part, const char *name, GError **error)
{
	bool is_base = image_file_link(part, base);
	bool joins = !is_base && errno == EEXIST && has_same_bytes(base, part);
	bool ok;

	if (joins)
		ok = link(base, name) == 0;
	else
		ok = image_file_link(part, name);

	return ok || vmm_fail_errno(error, errno, "cannot link %s to %s", name, base);
}

bool base_cache_join(const char *directory, const char *cached, const char *part, const char *name,
		     GError **error)
{
	g_autofree char *cache = cache_beside(directory);
	g_autofree char *base = g_build_filename(cache, cached, NULL);
	bool is_name = *cached != '.' && is_ours(cached) && g_str_has_suffix(cached, BASE);
	bool ok;
	int lock;

	if (strchr(cached, '/') || !is_name)
		return vmm_fail(error, VMM_ERROR_INPUT, "'%s' is not the name of a base", cached);
	if (mkdir(cache, 0755) < 0 && errno != EEXIST)
		return vmm_fail_errno(error, errno, "cannot make directory %s", cache);
	if (chmod(part, BASE_MODE) < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", name);
	lock = lock_base(base, false, error);
	if (lock < 0)
		return false;

	ok = link_or_join(base, part, name, error);
	close(lock);

	if (!ok)
		return false;

	return file_sync_directory(cache, error);
}

/* A base that we made, and to which no VM links. */
static bool is_unused(const char *base)
{
	struct stat st;

	if (lstat(base, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (st.st_uid != geteuid() || (st.st_mode & 0777) != BASE_MODE)
		return false;

	return st.st_nlink == 1;
}

/*
 * Nobody can link to BASE while we hold its lock. A killed run may have left the lock's file
 * without BASE.
 */
static void remove_unused(const char *base)
{
	g_autofree char *path = g_strconcat(base, LOCK, NULL);
	int lock = lock_base(base, true, NULL);

	if (lock < 0)
		return;
	if (is_unused(base))
		unlink(base);
	if (access(base, F_OK) < 0)
		unlink(path);
	close(lock);
}

/* Cuts END off PATH. */
static const char *without_end(char *path, const char *end)
{
	path[strlen(path) - strlen(end)] = '\0';

	return path;
}

void base_cache_clean(const char *directory)
{
	g_autofree char *cache = cache_beside(directory);
	g_autoptr(GDir) dir = g_dir_open(cache, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(cache, name, NULL);

		if (!is_ours(name))
			continue;
		if (g_str_has_suffix(name, BASE))
			remove_unused(path);
		else if (g_str_has_suffix(name, BASE ".kvm-image"))
			image_file_remove_part(path, path, NULL);
		else if (g_str_has_suffix(name, BASE LOCK))
			remove_unused(without_end(path, LOCK));
	}
}
