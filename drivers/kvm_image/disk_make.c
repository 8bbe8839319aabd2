/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_make.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base_cache.h"
#include "base/text.h"
#include "context_medium.h"
#include "disk_volume.h"
#include "image_tool.h"

/* Sizes of images are given in MiB, rounded. */
#define ROUNDING ((guint64)1 << 20)

/* Most that a context medium, or what a file system or a qcow2 writes of itself at once, takes. */
#define SMALL ((guint64)4 << 20)

static const struct filling {
	const char *name, *program;
	const char *words[3];
} fillings[] = {
	{ "swap", "mkswap", { NULL } },
	{ "ext2", "mkfs.ext2", { "-q", "-F", NULL } },
	{ "ext3", "mkfs.ext3", { "-q", "-F", NULL } },
	{ "ext4", "mkfs.ext4", { "-q", "-F", NULL } },
	{ "xfs", "mkfs.xfs", { "-q", "-f", NULL } },
	{ "btrfs", "mkfs.btrfs", { "-q", "-f", NULL } },
};

static bool look_at_link(const struct planned_disk *d, GError **error)
{
	struct stat st;

	if (stat(d->source, &st) == 0)
		return true;

	return vmm_fail_errno(error, errno, "%s: cannot use %s", d->name, d->source);
}

/* An overlay may have any, but we keep what guests could use themselves. */
static const char *base_format(const struct disk_making *m)
{
	if (m->disk->base_format)
		return m->disk->base_format;

	return g_str_equal(m->copy.format, "qcow2") ? "qcow2" : "raw";
}

/* Sets SIZE. A disk that is smaller than its image would lose the end of what is in it. */
static bool check_size(struct disk_making *m, GError **error)
{
	const struct planned_disk *d = m->disk;

	m->size = MAX(m->copy.size, d->size);
	if (!d->size || m->copy.size < d->size + ROUNDING)
		return true;

	vmm_fail(error, VMM_ERROR_INPUT, "%s: SIZE is %" G_GUINT64_FORMAT " MiB, but %s has %"
		 G_GUINT64_FORMAT " bytes", d->name, d->size / ROUNDING, d->source, m->copy.size);
	vmm_error_set_hint(error, "a disk is never made smaller than its image");

	return false;
}

static bool look_at_copy(struct disk_making *m, guint64 *needed, GError **error)
{
	const struct planned_disk *d = m->disk;
	g_autoptr(GError) cause = NULL;

	bool is_overlay = d->way == DISK_OVERLAY;
	bool is_measured = !is_overlay && !d->volume;

	/* A base may be there already: it is measured when it is made. */
	if (!image_copy_look(&m->copy, &cause) ||
	    (is_measured && !image_copy_measure(&m->copy, &cause))) {
		g_prefix_error(&cause, "%s: ", d->name);
		return vmm_pass(error, &cause);
	}

	if (is_overlay)
		m->copy.to_format = base_format(m);

	if (!check_size(m, error))
		return false;
	if (!d->volume)
		*needed += d->whole ? m->size : m->copy.data;

	return true;
}

bool disk_making_look(struct image_job *job, const struct planned_disk *d, const char *directory,
		      struct disk_making *m, guint64 *needed, GError **error)
{
	*m = (struct disk_making){ .disk = d, .path = g_build_filename(directory, d->name, NULL),
				   .size = d->size, .file = { .fd = -1 },
				   .volume = { .fd = -1 } };
	m->copy = (struct image_copy){ .job = job, .from = text_or(d->received, d->source),
				       .stands_for = d->received ? d->source : NULL,
				       .to = m->path, .format = d->source_format,
				       .to_format = d->format };
	if (!image_file_may_make(m->path, false, error)) {
		vmm_error_set_hint(error, "remove it, if it is no disk that is needed");
		return false;
	}

	if (d->volume && !disk_volume_plan(m, error))
		return false;
	if (d->way == DISK_LINK)
		return look_at_link(d, error);
	if (d->way == DISK_CLONE)
		return check_size(m, error);
	if (d->way == DISK_COPY || d->way == DISK_OVERLAY)
		return look_at_copy(m, needed, error);
	if (!d->volume)
		*needed += d->whole ? m->size : SMALL;

	return true;
}

static bool run(struct image_job *job, const char *program, const char *const *words,
		const char *path, GError **error)
{
	const struct image_tool tool = { .program = program, .words = words, .image = path };

	return image_tool_run(job, &tool, NULL, error);
}

bool disk_making_fill(struct image_job *job, const char *name, const char *path, GError **error)
{
	const char *words[G_N_ELEMENTS(fillings[0].words) + 1] = { NULL };
	size_t n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(fillings); i++)
		if (g_str_equal(fillings[i].name, name)) {
			while (fillings[i].words[n]) {
				words[n] = fillings[i].words[n];
				n++;
			}
			words[n] = path;
			return run(job, fillings[i].program, words, path, error);
		}

	return vmm_fail(error, VMM_ERROR_INTERNAL, "nothing makes %s", name);
}

static bool take_space(const struct disk_making *m, const struct image_file *file, GError **error)
{
	int rc = m->disk->whole ? posix_fallocate(file->fd, 0, (off_t)m->size) : 0;

	return rc == 0 || vmm_fail_errno(error, rc, "cannot make %s", m->path);
}

/* A file with a hole of SIZE, and then FILLING in it. */
static bool write_raw(struct image_job *job, const struct disk_making *m,
		      const struct image_file *file, GError **error)
{
	const struct planned_disk *d = m->disk;

	if (ftruncate(file->fd, (off_t)m->size) < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", m->path);

	if (!take_space(m, file, error))
		return false;

	return !d->filling || disk_making_fill(job, d->filling, file->handle, error);
}

/*
 * Programs that make file systems know no qcow2 and no pool: a raw disk is made, from
 * which CONVERT makes the disk.
 */
static bool write_filled(struct image_job *job, struct disk_making *m,
			 bool (*convert)(struct disk_making *m, GError **error), GError **error)
{
	g_autofree char *path = g_strconcat(m->path, ".raw", NULL);
	struct image_file raw;
	bool ok = image_file_open(&raw, path, false, error);

	m->copy.from = raw.handle;
	m->copy.format = "raw";
	if (ok)
		ok = write_raw(job, m, &raw, error);
	if (ok)
		ok = image_copy_look(&m->copy, error);
	if (ok)
		ok = convert(m, error);
	image_file_clear(&raw);

	return ok;
}

static bool convert_to_file(struct disk_making *m, GError **error)
{
	return image_copy_run(&m->copy, m->file.handle, error);
}

static bool convert_to_volume(struct disk_making *m, GError **error)
{
	return volume_fill(&m->volume, &m->copy, error);
}

bool disk_making_fill_volume(struct image_job *job, struct disk_making *m, GError **error)
{
	return write_filled(job, m, convert_to_volume, error);
}

static bool write_empty(struct image_job *job, struct disk_making *m, GError **error)
{
	g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, m->size);
	const char *const create[] = { "create", "-q", "-f", "qcow2", m->file.handle, size, NULL };

	if (g_str_equal(m->disk->format, "raw"))
		return write_raw(job, m, &m->file, error);
	if (m->disk->filling)
		return write_filled(job, m, convert_to_file, error);

	return run(job, NULL, create, m->path, error);
}

static bool write_copy(struct image_job *job, struct disk_making *m, GError **error)
{
	g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, m->size);
	const char *const grow[] = { "resize", "-q", "-f", m->disk->format, m->file.handle,
				     size, NULL };

	if (!image_copy_run(&m->copy, m->file.handle, error))
		return false;

	if (m->size != m->copy.size && !run(job, NULL, grow, m->path, error))
		return false;

	return take_space(m, &m->file, error);
}

/* The overlay names its base as it will be called beside it. */
static bool write_overlay(struct image_job *job, struct disk_making *m, GError **error)
{
	g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, m->size);
	g_autofree char *directory = g_path_get_dirname(m->path);
	g_autofree char *base = g_strdup_printf(".base%s", strchr(m->disk->name, '.'));
	g_autofree char *inside = g_strconcat(m->path, ".base", NULL);
	const char *const create[] = { "create", "-q", "-u", "-f", "qcow2", "-b", base, "-F",
				       m->copy.to_format, m->file.handle, size, NULL };

	m->base = g_build_filename(directory, base, NULL);
	m->base_part = image_file_part(inside);
	if (base_cache_link(&m->copy, directory, m->base_part, error))
		return run(job, NULL, create, m->path, error);
	g_clear_pointer(&m->base_part, g_free);

	return false;
}

bool disk_making_write(struct image_job *job, struct disk_making *m, const TmplAttr *context,
		       GError **error)
{
	if (m->disk->way == DISK_LINK)
		return true;
	if (m->disk->volume)
		return disk_volume_write(job, m, error);
	if (!image_file_open(&m->file, m->path, false, error))
		return false;

	switch (m->disk->way) {
	case DISK_COPY:
		return write_copy(job, m, error);
	case DISK_OVERLAY:
		return write_overlay(job, m, error);
	case DISK_CONTEXT:
		return context_medium_write(context, m->file.fd, error);
	default:
		return write_empty(job, m, error);
	}
}

static bool record_base(const struct disk_making *m, struct disk_record *record, GError **error)
{
	g_autofree char *name = g_path_get_basename(m->base);
	int fd = open(m->base_part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", m->base_part);

	ok = disk_record_add_file(record, name, "base", fd, error);
	close(fd);

	return ok;
}

bool disk_making_record(const struct disk_making *m, struct disk_record *record, GError **error)
{
	const struct planned_disk *d = m->disk;

	if (d->volume) {
		disk_volume_record(m, record);
		return true;
	}

	if (m->base && !record_base(m, record, error))
		return false;
	if (d->way != DISK_LINK)
		return disk_record_add_file(record, d->name, d->wish, m->file.fd, error);

	disk_record_add_link(record, d->name, d->wish, d->source);

	return true;
}

static bool publish_base(struct disk_making *m, GError **error)
{
	if (!image_file_rename_new(m->base_part, m->base))
		return vmm_fail_errno(error, errno, "cannot make %s", m->base);

	g_clear_pointer(&m->base_part, g_free);

	return true;
}

bool disk_making_publish(struct disk_making *m, GError **error)
{
	if (m->disk->volume)
		return disk_volume_publish(m, error);
	if (m->base && !publish_base(m, error))
		return false;
	if (m->disk->way != DISK_LINK)
		return image_file_publish(&m->file, error);
	if (symlink(m->disk->source, m->path) == 0)
		return true;

	return vmm_fail_errno(error, errno, "cannot make %s", m->path);
}

void disk_making_clear(struct disk_making *m)
{
	if (m->volume.kind)
		volume_abandon(m->copy.job, &m->volume);
	volume_clear(&m->volume);
	/* Without a name it was never opened. */
	if (m->file.part)
		image_file_clear(&m->file);
	if (m->base_part)
		unlink(m->base_part);
	g_free(m->base_part);
	g_free(m->base);
	g_free(m->path);
}
