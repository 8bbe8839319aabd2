/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image_file.h"

enum { TRIES = 10 };

/* In the directory itself: hosts that share it exclude each other, where their file system can. */
static char *lock_path(const struct disk_directory *d)
{
	return g_build_filename(d->path, DISK_DIRECTORY_LOCK, NULL);
}

/* A process that ends its work removes the lock's file, perhaps between our open() and our lock. */
static bool take_lock(struct disk_directory *d, GError **error)
{
	g_autofree char *path = lock_path(d);

	for (int i = 0; i < TRIES; i++) {
		d->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (d->lock < 0)
			return vmm_fail_errno(error, errno, "cannot lock %s", d->path);
		if (flock(d->lock, LOCK_EX | LOCK_NB) < 0)
			break;
		if (image_file_is(d->lock, path))
			return true;
		close(d->lock);
		d->lock = -1;
	}

	if (d->lock >= 0)
		close(d->lock);
	d->lock = -1;

	return vmm_fail(error, VMM_ERROR_BUSY, "another kvm-image works in %s now", d->path);
}

/* ".disk.0.kvm-image", as image_file_part() has it, and what file_write() of a record makes. */
bool disk_directory_is_part(const char *name)
{
	if (g_str_has_prefix(name, "..kvm-image."))
		return true;

	return *name == '.' && g_str_has_suffix(name, ".kvm-image");
}

static void remove_parts_in(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *part = g_build_filename(path, name, NULL);

		if (disk_directory_is_part(name))
			image_file_remove_part(part, part, NULL);
	}
}

/* We hold the directory's lock: only convert and its like could be writing such a file. */
static void remove_parts(const struct disk_directory *d)
{
	g_autofree char *tpm = g_build_filename(d->path, "tpm", NULL);

	remove_parts_in(d->path);
	if (!g_file_test(tpm, G_FILE_TEST_IS_SYMLINK))
		remove_parts_in(tpm);
}

/* What killed runs left is removed first, as its room may be needed. */
bool disk_directory_open(struct disk_directory *d, const char *path, bool make, GError **error)
{
	struct stat st;

	*d = (struct disk_directory){ g_strdup(path), -1, false };
	if (make && mkdir(path, 0755) == 0)
		d->is_new = true;
	else if (make && errno != EEXIST)
		return vmm_fail_errno(error, errno, "cannot make directory %s", path);
	if (stat(path, &st) < 0)
		return vmm_fail_errno(error, errno, "cannot open directory %s", path);
	if (!S_ISDIR(st.st_mode))
		return vmm_fail(error, VMM_ERROR_USAGE, "%s is not a directory", path);
	if (!take_lock(d, error))
		return false;

	remove_parts(d);

	return true;
}

/* A directory is removed only if it is empty: on NFS a file that is open has a name in it. */
void disk_directory_close(struct disk_directory *d, bool remove)
{
	if (d->lock >= 0) {
		g_autofree char *path = lock_path(d);

		/* Removed while it is locked: nobody else can hold this file then. */
		if (image_file_is(d->lock, path))
			unlink(path);
		close(d->lock);
		if (remove)
			rmdir(d->path);
	}

	g_free(d->path);
}
