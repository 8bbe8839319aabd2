/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_write_fd(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;

		at += n;
		len -= (size_t)n;
	}

	return true;
}

/* The rename is only safe from a power cut once its directory is written. */
static bool sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		rc = -1;
	else
		rc = fsync(fd);

	if (fd >= 0)
		close(fd);

	return rc == 0 || errno == EINVAL;
}

bool file_write(const char *path, const void *data, size_t len, mode_t mode, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(path);
	g_autofree char *name = g_path_get_basename(path);
	g_autofree char *temp = g_strdup_printf("%s/.%s.XXXXXX", dir, name);
	int fd = mkostemp(temp, O_CLOEXEC);
	int cause;

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot write %s", path);
	if (!file_write_fd(fd, data, len) || fchmod(fd, mode) < 0 || fsync(fd) < 0) {
		cause = errno;
		close(fd);
	} else if (close(fd) < 0 || rename(temp, path) < 0) {
		cause = errno;
	} else if (sync_directory(dir)) {
		return true;
	} else {
		return vmm_fail_errno(error, errno, "cannot sync %s", dir);
	}

	unlink(temp);

	return vmm_fail_errno(error, cause, "cannot write %s", path);
}

bool file_sync_directory(const char *path, GError **error)
{
	if (sync_directory(path))
		return true;

	return vmm_fail_errno(error, errno, "cannot sync %s", path);
}

bool file_rename(const char *from, const char *to, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(to);

	if (rename(from, to) < 0)
		return vmm_fail_errno(error, errno, "cannot rename %s to %s", from, to);

	return file_sync_directory(dir, error);
}

bool file_make_directory(const char *path, GError **error)
{
	if (g_mkdir_with_parents(path, 0755) == 0)
		return true;
	return vmm_fail_errno(error, errno, "cannot make directory %s", path);
}

GString *file_read_fd(int fd, size_t max, const char *name, GError **error)
{
	g_autofree char *buf = g_malloc(65536);
	GString *all = g_string_new(NULL);
	ssize_t n;

	while ((n = read(fd, buf, 65536)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			vmm_fail_errno(error, errno, "cannot read %s", name);
			break;
		}

		g_string_append_len(all, buf, n);
		if (all->len > max) {
			vmm_fail(error, VMM_ERROR_INPUT, "%s: more than %zu bytes", name, max);
			break;
		}
	}

	if (n == 0)
		return all;

	g_string_free(all, TRUE);

	return NULL;
}

GString *file_read(const char *path, size_t max, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	GString *text;

	if (fd < 0) {
		vmm_fail_errno(error, errno, "cannot read %s", path);
		return NULL;
	}

	text = file_read_fd(fd, max, path, error);
	close(fd);

	return text;
}

bool file_exchange(const char *a, const char *b, GError **error)
{
	if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0)
		return true;
	return vmm_fail_errno(error, errno, "cannot exchange %s with %s", a, b);
}
