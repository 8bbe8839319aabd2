/* SPDX-License-Identifier: Apache-2.0 */
#include "image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"

/* QEMU locks bytes from 100 and from 200 on, one for each permission that it has or denies. */
enum { LOCK_START = 100, LOCK_LENGTH = 200, TRIES = 10 };

char *image_file_part(const char *path)
{
	g_autofree char *directory = g_path_get_dirname(path);
	g_autofree char *name = g_path_get_basename(path);

	return g_strdup_printf("%s/.%s.kvm-image", directory, name);
}

bool image_file_in_use(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_START,
			      .l_len = LOCK_LENGTH };

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool image_file_may_make(const char *path, bool force, GError **error)
{
	struct stat st;
	bool in_use;
	int fd;

	if (lstat(path, &st) < 0 && errno == ENOENT)
		return true;
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

	in_use = image_file_in_use(fd);
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
 * Removes a file that a killed kvm-image left: nobody else has such names, and its lock ended with
 * its owner. What another one holds, or has just made, is left alone.
 */
bool image_file_remove_part(const char *part, const char *path, GError **error)
{
	int fd = open(part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	bool ok = true;

	if (fd < 0)
		return errno == ENOENT ||
		       vmm_fail_errno(error, errno, "cannot replace %s", part);

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		ok = vmm_fail(error, VMM_ERROR_BUSY, "another program makes %s now", path);
	else if (image_file_is(fd, part) && unlink(part) < 0 && errno != ENOENT)
		ok = vmm_fail_errno(error, errno, "cannot remove %s", part);
	close(fd);

	return ok;
}

char *image_file_data(const struct image_file *f)
{
	return g_strconcat(f->part, ".data", NULL);
}

bool image_file_take_data(struct image_file *f, GError **error)
{
	g_autofree char *data = image_file_data(f);
	int fd = open(data, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", f->path);
	/* Who waits for PART finds it locked all the time. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || rename(data, f->part) < 0) {
		vmm_fail_errno(error, errno, "cannot make %s", f->path);
		close(fd);
		return false;
	}

	close(f->fd);
	f->fd = fd;

	return true;
}

/* What a killed run left of that: we hold the lock of PART. */
static void remove_data(const struct image_file *f)
{
	g_autofree char *data = image_file_data(f);

	unlink(data);
}

bool image_file_open(struct image_file *f, const char *path, bool force, GError **error)
{
	*f = (struct image_file){ path, image_file_part(path), -1, force };
	for (int i = 0; i < TRIES; i++) {
		f->fd = open(f->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (f->fd < 0 && errno != EEXIST)
			return vmm_fail_errno(error, errno, "cannot make %s", path);
		if (f->fd < 0 && !image_file_remove_part(f->part, path, error))
			return false;
		if (f->fd < 0)
			continue;

		if (flock(f->fd, LOCK_EX | LOCK_NB) == 0 && image_file_is(f->fd, f->part)) {
			remove_data(f);
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
static bool link_name(const struct image_file *f)
{
	return link(f->part, f->path) == 0 && unlink(f->part) == 0;
}

static bool give_name(const struct image_file *f, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(f->path);
	bool named;

	if (f->force)
		return replace(f, error);

	named = renameat2(AT_FDCWD, f->part, AT_FDCWD, f->path, RENAME_NOREPLACE) == 0;
	if (!named && (errno == EINVAL || errno == ENOSYS))
		named = link_name(f);
	if (named)
		return file_sync_directory(directory, error);

	return vmm_fail_errno(error, errno, "cannot rename %s to %s", f->part, f->path);
}

bool image_file_publish(struct image_file *f, GError **error)
{
	if (!image_file_is(f->fd, f->part))
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s was replaced by another program",
				f->part);
	if (fsync(f->fd) < 0)
		return vmm_fail_errno(error, errno, "cannot write %s", f->path);
	if (!give_name(f, error))
		return false;

	close(f->fd);
	f->fd = -1;

	return true;
}

void image_file_clear(struct image_file *f)
{
	if (f->fd >= 0) {
		remove_data(f);
		if (image_file_is(f->fd, f->part))
			unlink(f->part);
		close(f->fd);
	}

	g_free(f->part);
}

bool image_file_is_direct(const char *path)
{
	g_autofree char *directory = g_path_get_dirname(path);
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
