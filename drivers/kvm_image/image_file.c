/* SPDX-License-Identifier: Apache-2.0 */
#include "image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "image/image_use.h"

enum { TRIES = 10 };

#define END ".kvm-image"

#define HANDLES "/proc/%d/fd/"

enum { OPEN_FLAGS = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };

char *image_file_part(const char *path)
{
	g_autofree char *directory = g_path_get_dirname(path);
	g_autofree char *name = g_path_get_basename(path);

	return g_strdup_printf("%s/.%s" END, directory, name);
}

bool image_file_may_make(const char *path, bool force, GError **error)
{
	struct stat st;
	bool in_use;
	int fd;

	if (lstat(path, &st) < 0)
		return errno == ENOENT || vmm_fail_errno(error, errno, "cannot make %s", path);
	if (!force) {
		vmm_fail(error, VMM_ERROR_EXISTS, "%s is there already", path);
		vmm_error_set_hint(error, "--force replaces it");
		return false;
	}

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno != ELOOP)
		return vmm_fail_errno(error, errno, "cannot replace %s", path);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s is not a regular file: it is not "
				"replaced", path);
	}

	in_use = image_in_use(fd);
	close(fd);
	if (in_use)
		return vmm_fail(error, VMM_ERROR_BUSY, "cannot replace %s: another program has it "
				"open, such as a running guest", path);

	return true;
}

bool image_file_is(int fd, const char *path)
{
	struct stat a, b;

	if (fstat(fd, &a) < 0 || lstat(path, &b) < 0)
		return false;

	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/*
 * Locks the first byte of part FD until it is closed. TYPE: F_WRLCK, of one that can be written
 * to; else F_RDLCK. A lock of flock(2) is one of all bytes on NFS, and would keep qemu-img out.
 */
static bool lock_part(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* By errno: another program has the lock. */
static bool is_held(void)
{
	return errno == EAGAIN || errno == EACCES;
}

/* By errno, of the lock of what is to be PATH. */
static bool fail_lock(const char *path, GError **error)
{
	if (is_held())
		return vmm_fail(error, VMM_ERROR_BUSY, "another program makes %s now", path);

	return vmm_fail_errno(error, errno, "cannot lock what is to be %s", path);
}

/*
 * Removes a file that a killed kvm-image left: nobody else makes such names, and a lock ends with
 * its owner. A file that another process has locked, or has just made, stays.
 */
bool image_file_remove_part(const char *part, const char *path, GError **error)
{
	int fd = open(part, O_RDWR | OPEN_FLAGS);
	short type = F_WRLCK;
	bool ok = true;

	/* That of a base is read-only before it has its name. */
	if (fd < 0 && errno == EACCES) {
		fd = open(part, O_RDONLY | OPEN_FLAGS);
		type = F_RDLCK;
	}

	if (fd < 0)
		return errno == ENOENT ||
		       vmm_fail_errno(error, errno, "cannot replace %s", part);

	if (!lock_part(fd, type))
		ok = fail_lock(path, error);
	else if (image_file_is(fd, part) && unlink(part) < 0 && errno != ENOENT)
		ok = vmm_fail_errno(error, errno, "cannot remove %s", part);
	close(fd);

	return ok;
}

/* A base has another name in its cache, and no lock. */
static bool is_own_file(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return false;

	return st->st_uid == geteuid() && st->st_nlink == 1;
}

void image_file_remove_parts(const char *directory, const char *start)
{
	g_autofree char *begin = g_strconcat(".", start, NULL);
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	const char *entry;

	while (dir && (entry = g_dir_read_name(dir))) {
		g_autofree char *part = g_build_filename(directory, entry, NULL);
		struct stat st;

		if (!g_str_has_prefix(entry, begin) || !g_str_has_suffix(entry, END))
			continue;
		if (lstat(part, &st) == 0 && is_own_file(&st))
			image_file_remove_part(part, part, NULL);
	}
}

/*
 * Who can write the directory can put a link to any file of ours under PART's name. The programs
 * that fill PART, and we who read it again, get this instead: it leads to the file that we made.
 */
static void set_handle(struct image_file *f)
{
	g_free(f->handle);
	f->handle = g_strdup_printf(HANDLES "%d", getpid(), f->fd);
}

char *image_file_data(const struct image_file *f)
{
	return g_strconcat(f->part, ".data", NULL);
}

static bool fail_replaced(const char *path, GError **error)
{
	return vmm_fail(error, VMM_ERROR_REFUSED, "%s was replaced by another program", path);
}

bool image_file_take_data(struct image_file *f, GError **error)
{
	g_autofree char *data = image_file_data(f);
	int fd = open(data, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", f->path);
	if (fstat(fd, &st) < 0 || !is_own_file(&st)) {
		close(fd);
		return fail_replaced(data, error);
	}

	/* Who waits for PART finds it locked all the time. */
	if (!lock_part(fd, F_WRLCK) || rename(data, f->part) < 0) {
		vmm_fail_errno(error, errno, "cannot make %s", f->path);
		close(fd);
		return false;
	}

	close(f->fd);
	f->fd = fd;
	set_handle(f);

	return true;
}

bool image_file_name_handles(GError **error)
{
	g_autofree char *handles = g_strdup_printf(HANDLES, getpid());
	g_autoptr(GString) text = g_string_new(NULL);
	const char *at, *end, *rest;

	if (!error)
		return false;

	rest = (*error)->message;
	while ((at = strstr(rest, handles))) {
		g_autofree char *handle = NULL, *name = NULL;

		end = at + strlen(handles);
		end += strspn(end, "0123456789");
		handle = g_strndup(at, (gsize)(end - at));
		name = g_file_read_link(handle, NULL);
		g_string_append_len(text, rest, at - rest);
		g_string_append(text, text_or(name, handle));
		rest = end;
	}

	g_string_append(text, rest);
	g_free((*error)->message);
	(*error)->message = g_strdup(text->str);

	return false;
}

bool image_file_link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0;
}

/* What a killed run left of that: we hold the lock of PART. */
static void remove_data(const struct image_file *f)
{
	g_autofree char *data = image_file_data(f);

	unlink(data);
}

bool image_file_open(struct image_file *f, const char *path, bool force, GError **error)
{
	*f = (struct image_file){ .path = path, .part = image_file_part(path), .fd = -1,
				  .force = force };
	for (int i = 0; i < TRIES; i++) {
		bool is_locked;

		f->fd = open(f->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (f->fd < 0 && errno != EEXIST)
			return vmm_fail_errno(error, errno, "cannot make %s", path);
		if (f->fd < 0 && !image_file_remove_part(f->part, path, error))
			return false;
		if (f->fd < 0)
			continue;

		is_locked = lock_part(f->fd, F_WRLCK);
		if (!is_locked && !is_held())
			return fail_lock(path, error);
		if (is_locked && image_file_is(f->fd, f->part)) {
			remove_data(f);
			set_handle(f);
			return true;
		}

		close(f->fd);
		f->fd = -1;
	}

	return vmm_fail(error, VMM_ERROR_BUSY, "another program makes %s now", path);
}

static bool replace(const struct image_file *f, GError **error)
{
	if (!image_file_may_make(f->path, true, error))
		return false;

	return file_rename(f->part, f->path, error);
}

/* For file systems, NFS for one, that cannot rename without replacing: a link replaces nothing. */
bool image_file_rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;

	return link(from, to) == 0 && unlink(from) == 0;
}

static bool give_name(const struct image_file *f, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(f->path);

	if (f->force)
		return replace(f, error);
	if (image_file_rename_new(f->part, f->path))
		return file_sync_directory(directory, error);

	return vmm_fail_errno(error, errno, "cannot rename %s to %s", f->part, f->path);
}

bool image_file_publish(struct image_file *f, GError **error)
{
	if (!image_file_is(f->fd, f->part))
		return fail_replaced(f->part, error);
	if (fsync(f->fd) < 0)
		return vmm_fail_errno(error, errno, "cannot write %s", f->path);
	if (!give_name(f, error))
		return false;
	if (!image_file_is(f->fd, f->path))
		return fail_replaced(f->path, error);

	close(f->fd);
	f->fd = -1;

	return true;
}

/* The owner, too, where we may: who could read and write the image still can. */
static bool take_permissions(const struct image_file *f)
{
	struct stat st;
	mode_t mask;

	if (f->force && lstat(f->path, &st) == 0) {
		if (fchown(f->fd, st.st_uid, st.st_gid) < 0 && errno != EPERM)
			return false;
		return fchmod(f->fd, st.st_mode & 0777) == 0;
	}

	mask = umask(0);
	umask(mask);

	return fchmod(f->fd, 0644 & ~mask) == 0;
}

bool image_file_publish_plain(struct image_file *f, GError **error)
{
	if (!take_permissions(f))
		return vmm_fail_errno(error, errno, "cannot make %s", f->path);

	return image_file_publish(f, error);
}

void image_file_clear(struct image_file *f)
{
	if (f->fd >= 0) {
		remove_data(f);
		if (image_file_is(f->fd, f->part))
			unlink(f->part);
		close(f->fd);
	}

	g_free(f->handle);
	g_free(f->part);
}

bool image_file_is_direct(const char *path)
{
	g_autofree char *real = realpath(path, NULL);
	g_autofree char *directory = g_path_get_dirname(text_or(real, path));
	int fd = open(directory, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);

	return fd >= 0;
}

bool image_file_room(const char *path, guint64 *ret, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(path);
	g_autofree char *above = g_path_get_dirname(directory);
	struct statvfs fs;
	int rc = statvfs(directory, &fs);

	/* A dry run has not made it. */
	if (rc < 0 && errno == ENOENT)
		rc = statvfs(above, &fs);
	if (rc < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", path);

	*ret = (guint64)fs.f_bavail * fs.f_frsize;

	return true;
}
