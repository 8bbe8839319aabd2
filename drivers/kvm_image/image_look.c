/* SPDX-License-Identifier: Apache-2.0 */
/* info, check and remove: what needs no qemu-img. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/image_use.h"
#include "image_commands.h"
#include "image_file.h"

enum { SECTOR = 512, STAT_BLOCK = 512 };

static void say_if(struct image_job *job, const char *name, const char *value)
{
	if (value)
		image_job_say(job, name, value);
}

bool image_info(struct image_job *job, GError **error)
{
	g_autofree char *path = image_job_path(job->path);
	struct image_header h = { 0 };
	struct stat st;

	if (!image_header_load(path, &h, error))
		return false;

	image_job_say_image(job, path, h.format, h.size);
	if (stat(path, &st) == 0)
		image_job_say_size(job, "disk_size", (guint64)st.st_blocks * STAT_BLOCK);
	say_if(job, "also", h.also);
	say_if(job, "backing", h.backing);
	say_if(job, "backing_format", h.backing_format);
	say_if(job, "data_file", h.data_file);
	say_if(job, "create_type", h.create_type);
	image_header_clear(&h);

	return true;
}

/* What a header says that is not raw must be raw for a declared raw: a word, not a fault. */
bool image_verdict(struct image_job *job, GError **error)
{
	g_autofree char *path = image_job_path(job->path);
	const char *format = job->o->format;
	struct image_header h = { 0 };
	bool ok;

	if (!image_header_load(path, &h, error))
		return false;

	if (!format)
		format = h.format;
	if (!job->o->format && (g_str_equal(format, "iso") || g_str_equal(format, "gpt")))
		format = "raw";
	ok = image_job_check(job, path, format, false, error);
	if (ok) {
		image_job_say_image(job, path, format, h.size);
		image_job_say(job, "verdict", "QEMU may open it");
	}

	image_header_clear(&h);

	return ok;
}

/* An image by its header, malformed or not; or what is DECLARED raw, and can be. */
static bool is_image(int fd, const char *path, const struct stat *st, const char *declared)
{
	g_autoptr(GError) error = NULL;
	struct image_header h = { 0 };
	bool is_raw;

	if (!image_header_read(fd, path, &h, &error))
		return vmm_is(error, VMM_ERROR_REFUSED);

	is_raw = g_str_equal(h.format, "raw");
	image_header_clear(&h);

	if (!is_raw)
		return true;

	return !g_strcmp0(declared, "raw") && st->st_size % SECTOR == 0;
}

static bool fail_no_image(const char *path, const struct stat *st, GError **error)
{
	if (st->st_size % SECTOR)
		return vmm_fail(error, VMM_ERROR_REFUSED, "cannot remove %s: it is no image: it "
				"has no known header, and its size is not a multiple of %d bytes",
				path, SECTOR);

	vmm_fail(error, VMM_ERROR_REFUSED, "cannot remove %s: it has no header of an image", path);
	vmm_error_set_hint(error, "--format raw, if it is a raw disk");

	return false;
}

static bool may_remove(int fd, const char *path, const char *declared, GError **error)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return vmm_fail_errno(error, errno, "cannot remove %s", path);
	if (!S_ISREG(st.st_mode))
		return vmm_fail(error, VMM_ERROR_REFUSED, "cannot remove %s: it is not a regular "
				"file", path);
	if (!is_image(fd, path, &st, declared))
		return fail_no_image(path, &st, error);
	if (image_in_use(fd))
		return vmm_fail(error, VMM_ERROR_BUSY, "cannot remove %s: another program has it "
				"open, such as a running guest", path);

	return true;
}

/* FD is what was looked at. */
static bool unlink_image(struct image_job *job, int fd, const char *path, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(path);

	if (job->o->dry_run) {
		image_job_say(job, "would_remove", path);
		return true;
	}

	if (!image_file_is(fd, path))
		return vmm_fail(error, VMM_ERROR_REFUSED, "cannot remove %s: another program has "
				"just replaced it", path);
	if (unlink(path) < 0)
		return vmm_fail_errno(error, errno, "cannot remove %s", path);

	image_job_say(job, "removed", path);

	return file_sync_directory(directory, error);
}

bool image_remove(struct image_job *job, GError **error)
{
	g_autofree char *path = image_job_path(job->path);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	bool ok;

	if (fd < 0 && errno == ELOOP)
		return vmm_fail(error, VMM_ERROR_REFUSED, "cannot remove %s: it is a link", path);
	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot remove %s", path);

	ok = may_remove(fd, path, job->o->format, error) && unlink_image(job, fd, path, error);
	close(fd);

	return ok;
}
