/* SPDX-License-Identifier: Apache-2.0 */
/* create and resize. */
#include <sys/stat.h>

#include "base/text.h"
#include "image_commands.h"
#include "image_file.h"
#include "image_tool.h"

enum { SECTOR = 512 };

static const char *const formats[] = { "raw", "qcow2", NULL };
static const char *const preallocations[] = { "off", "metadata", "falloc", "full", NULL };

static bool check_words(const struct image_options *o, GError **error)
{
	if (!image_job_check_written(o->format, error))
		return false;
	if (!o->size && !o->backing)
		return vmm_fail(error, VMM_ERROR_USAGE, "--size is missing");
	if (o->preallocate && !g_strv_contains(preallocations, o->preallocate))
		return vmm_fail(error, VMM_ERROR_USAGE, "--preallocate %s: not off, metadata, "
				"falloc or full", o->preallocate);
	if (g_str_equal(o->format, "raw") && g_strcmp0(o->preallocate, "metadata") == 0)
		return vmm_fail(error, VMM_ERROR_USAGE, "a raw image has no metadata to "
				"preallocate");

	return true;
}

static bool check_backing_words(const struct image_options *o, GError **error)
{
	if (!o->backing && !o->backing_format)
		return true;
	if (!o->backing || !o->backing_format)
		return vmm_fail(error, VMM_ERROR_USAGE, "--backing and --backing-format belong "
				"together");
	if (!g_str_equal(o->format, "qcow2"))
		return vmm_fail(error, VMM_ERROR_USAGE, "only a qcow2 image can have a backing "
				"file");
	if (g_strcmp0(text_or(o->preallocate, "off"), "off"))
		return vmm_fail(error, VMM_ERROR_USAGE, "an image with a backing file is not "
				"preallocated");

	return true;
}

/* The virtual size; a guest would miss the end of a backing file that is larger. */
static bool size_to_make(const struct image_job *job, const char *path, guint64 *ret,
			 GError **error)
{
	const struct image_options *o = job->o;
	g_autofree char *directory = g_path_get_dirname(path);
	g_autofree char *backing = NULL;
	guint64 least;

	if (o->size && !image_job_size(o->size, ret, error))
		return false;
	if (!o->backing)
		return true;
	if (!image_job_check_backing(job, path, error))
		return false;

	if (g_path_is_absolute(o->backing))
		backing = g_strdup(o->backing);
	else
		backing = g_build_filename(directory, o->backing, NULL);
	if (!image_job_virtual_size(backing, o->backing_format, &least, error))
		return false;
	if (least > G_MAXINT64 - SECTOR)
		return vmm_fail(error, VMM_ERROR_INPUT, "%s: its header says that it has %"
				G_GUINT64_FORMAT " bytes", o->backing, least);
	if (!o->size)
		*ret = (least + SECTOR - 1) / SECTOR * SECTOR;
	if (*ret >= least)
		return true;

	return vmm_fail(error, VMM_ERROR_INPUT, "%s has %" G_GUINT64_FORMAT " bytes, more than the "
			"image that it is to back, %s", o->backing, least, o->size);
}

/* NULL-terminated; the words are borrowed from the job, SIZE and FILE. */
static GPtrArray *create_words(const struct image_options *o, const char *file, const char *size)
{
	static const char *const options[] = { "preallocation=off", "preallocation=metadata",
					       "preallocation=falloc", "preallocation=full" };
	const char *const start[] = { "create", "-q", "-f", o->format };
	/* -u: what we have checked is not opened again. */
	const char *const backing[] = { "-u", "-b", o->backing, "-F", o->backing_format };
	GPtrArray *words = g_ptr_array_new();

	for (size_t i = 0; i < G_N_ELEMENTS(start); i++)
		g_ptr_array_add(words, (char *)start[i]);
	for (size_t i = 0; o->backing && i < G_N_ELEMENTS(backing); i++)
		g_ptr_array_add(words, (char *)backing[i]);

	for (size_t i = 0; o->preallocate && i < G_N_ELEMENTS(options); i++)
		if (g_str_equal(preallocations[i], o->preallocate)) {
			g_ptr_array_add(words, (char *)"-o");
			g_ptr_array_add(words, (char *)options[i]);
		}

	g_ptr_array_add(words, (char *)file);
	g_ptr_array_add(words, (char *)size);
	g_ptr_array_add(words, NULL);

	return words;
}

/* Whether the file system has room for what is allocated at once. */
static bool check_room(const struct image_options *o, const char *path, guint64 size,
		       GError **error)
{
	const char *how = text_or(o->preallocate, "off");
	guint64 room;

	if (!g_str_equal(how, "falloc") && !g_str_equal(how, "full"))
		return true;
	if (!image_file_room(path, &room, error))
		return false;
	if (size <= room)
		return true;

	return vmm_fail(error, VMM_ERROR_NO_SPACE, "cannot make %s: it needs %" G_GUINT64_FORMAT
			" bytes, and %" G_GUINT64_FORMAT " are free", path, size, room);
}

static bool fill_new(struct image_job *job, const struct image_file *file, const char *size,
		     guint64 bytes, GError **error)
{
	g_autoptr(GPtrArray) words = create_words(job->o, file->handle, size);
	const struct image_tool tool = { .image = file->path, .bytes = bytes,
					 .is_long = job->o->preallocate != NULL,
					 .words = (const char *const *)words->pdata };

	return image_tool_run(job, &tool, NULL, error);
}

static bool make(struct image_job *job, const char *path, const char *size, guint64 bytes,
		 GError **error)
{
	struct image_file file;
	bool ok = image_file_open(&file, path, job->o->force, error);

	if (ok)
		ok = fill_new(job, &file, size, bytes, error);
	if (ok)
		ok = image_file_publish_plain(&file, error);
	image_file_clear(&file);
	if (ok)
		image_job_say_image(job, path, job->o->format, bytes);

	return ok;
}

bool image_create(struct image_job *job, GError **error)
{
	g_autofree char *path = image_job_path(job->path);
	g_autofree char *part = image_file_part(path);
	g_autoptr(GPtrArray) words = NULL;
	g_autofree char *number = NULL;
	guint64 bytes;

	if (!check_words(job->o, error))
		return false;
	if (!check_backing_words(job->o, error))
		return false;
	if (!size_to_make(job, path, &bytes, error))
		return false;
	if (!image_file_may_make(path, job->o->force, error))
		return false;
	if (!check_room(job->o, path, bytes, error))
		return false;

	number = g_strdup_printf("%" G_GUINT64_FORMAT, bytes);
	if (!job->o->dry_run)
		return make(job, path, number, bytes, error);

	words = create_words(job->o, part, number);
	image_tool_say(job, (const char *const *)words->pdata);

	return true;
}

/* The format of PATH, if it may get another size; borrowed from the job, or static. */
static const char *format_to_resize(const struct image_job *job, const char *path, GError **error)
{
	struct image_header h = { 0 };
	struct stat st;
	const char *format;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		vmm_fail(error, VMM_ERROR_REFUSED, "cannot resize %s: it is not a regular file",
			 path);
		return NULL;
	}

	if (!image_header_load(path, &h, error))
		return NULL;

	format = image_job_format(path, &h, job->o->format, error);
	image_header_clear(&h);
	if (!format)
		return NULL;
	if (!g_strv_contains(formats, format)) {
		vmm_fail(error, VMM_ERROR_INPUT, "cannot resize %s: it is %s, not raw or qcow2",
			 path, format);
		return NULL;
	}

	return image_job_check(job, path, format, true, error) ? format : NULL;
}

static bool check_shrink(const struct image_job *job, const char *path, const guint64 sizes[2],
			 GError **error)
{
	g_autofree char *has = text_size(sizes[0]);

	if (sizes[1] >= sizes[0] || job->o->shrink)
		return true;

	vmm_fail(error, VMM_ERROR_INPUT, "cannot resize %s: it has %" G_GUINT64_FORMAT " bytes "
		 "(%s), more than %s", path, sizes[0], has, job->to);
	vmm_error_set_hint(error, "--shrink cuts off its end, with what the guest has there");

	return false;
}

static bool resize(struct image_job *job, const char *path, const char *format,
		   const guint64 sizes[2], GError **error)
{
	g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, sizes[1]);
	/* Without --shrink qemu-img refuses, too: the size may have changed since. */
	const char *const grow[] = { "resize", "-q", "-f", format, path, number, NULL };
	const char *const shrink[] = { "resize", "-q", "-f", format, "--shrink", path, number,
				       NULL };
	struct image_tool tool = { .words = grow, .image = path };

	if (sizes[1] < sizes[0])
		tool.words = shrink;

	if (job->o->dry_run) {
		image_tool_say(job, tool.words);
		return true;
	}

	if (sizes[0] != sizes[1] && !image_tool_run(job, &tool, NULL, error))
		return false;

	image_job_say_image(job, path, format, sizes[1]);

	return true;
}

bool image_resize(struct image_job *job, GError **error)
{
	g_autofree char *path = image_job_path(job->path);
	guint64 sizes[2];	/* that it has, that it shall have */
	const char *format;

	if (!image_job_size(job->to, &sizes[1], error))
		return false;
	format = format_to_resize(job, path, error);
	if (!format)
		return false;
	if (!image_job_virtual_size(path, format, &sizes[0], error))
		return false;
	if (!check_shrink(job, path, sizes, error))
		return false;

	return resize(job, path, format, sizes, error);
}
