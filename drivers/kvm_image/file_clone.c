/* SPDX-License-Identifier: Apache-2.0 */
#include "file_clone.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

bool file_clone_blocks(int from, int to)
{
	return ioctl(to, FICLONE, from) == 0;
}

/* Where data begins at AT or behind it, and where it ends; without holes, all is data. */
static void next_extent(int fd, off_t at, off_t size, off_t *ret_start, off_t *ret_end)
{
	off_t start = lseek(fd, at, SEEK_DATA), end;

	if (start < 0)
		start = errno == ENXIO ? size : at;
	end = lseek(fd, start, SEEK_HOLE);
	*ret_start = MIN(start, size);
	*ret_end = end < 0 ? size : MIN(end, size);
}

static bool copy_piece(int from, int to, char *piece, off_t at, size_t len)
{
	ssize_t n = pread(from, piece, len, at);

	/* A source that was cut meanwhile, or a disk that is full. */
	if (n >= 0)
		errno = n < (ssize_t)len ? ENODATA : ENOSPC;

	return n == (ssize_t)len && pwrite(to, piece, len, at) == n;
}

static bool copy_extents(int from, int to, off_t size, const char *name, GError **error)
{
	g_autofree char *piece = g_malloc(PIECE);
	off_t at = 0, end;

	for (next_extent(from, 0, size, &at, &end); at < size;
	     next_extent(from, at, size, &at, &end)) {
		while (at < end) {
			size_t len = (size_t)MIN(end - at, PIECE);

			if (!copy_piece(from, to, piece, at, len))
				return vmm_fail_errno(error, errno, "cannot copy %s", name);
			at += (off_t)len;
		}
	}

	return ftruncate(to, size) == 0 || vmm_fail_errno(error, errno, "cannot copy %s", name);
}

bool file_clone(int from, int to, const char *name, GError **error)
{
	struct stat before, after;

	if (fstat(from, &before) < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", name);
	if (!copy_extents(from, to, before.st_size, name, error))
		return false;
	if (fstat(from, &after) == 0 && after.st_size == before.st_size &&
	    !memcmp(&after.st_mtim, &before.st_mtim, sizeof(after.st_mtim)))
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "%s was changed while it was copied", name);
}
