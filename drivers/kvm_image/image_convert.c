/* SPDX-License-Identifier: Apache-2.0 */
/* convert and import. */
#include "base/text.h"
#include "image_checksum.h"
#include "image_commands.h"
#include "image_copy.h"
#include "image_download.h"
#include "image_file.h"
#include "volume.h"
#include "volume_commands.h"

#define PLACE "/var/tmp"
#define FOR_VOLUMES "kvm-image-import."

static const char *const targets[] = { "raw", "qcow2", NULL };

/* An import keeps a format that guests can use. */
static bool choose_format(struct image_copy *c, GError **error)
{
	const char *wanted = c->job->o->format;

	if (!wanted && c->is_import)
		wanted = g_strv_contains(targets, c->format) ? c->format : "raw";
	if (!image_job_check_written(wanted, error))
		return false;

	c->to_format = wanted;

	return true;
}

static bool check_places(const struct image_copy *c, GError **error)
{
	struct stat st;
	bool is_there = lstat(c->to, &st) == 0;

	if (is_there && st.st_dev == c->seen.st_dev && st.st_ino == c->seen.st_ino)
		return vmm_fail(error, VMM_ERROR_USAGE, "%s and %s are the same file", c->from,
				c->to);
	if (is_there && !image_job_check_replaced(c->job, c->from, c->format, c->to, error))
		return false;

	return image_file_may_make(c->to, c->job->o->force, error);
}

static bool make_copy(const struct image_copy *c, GError **error)
{
	struct image_file file;
	bool ok = image_file_open(&file, c->to, c->job->o->force, error);

	if (ok)
		ok = image_copy_run(c, file.handle, error);
	if (ok)
		ok = image_file_publish_plain(&file, error);
	image_file_clear(&file);
	if (ok)
		image_job_say_image(c->job, c->to, c->to_format, c->size);

	return ok;
}

static bool copy_image(struct image_copy *c, GError **error)
{
	g_autofree char *part = image_file_part(c->to);

	if (!image_copy_measure(c, error))
		return false;
	if (c->job->o->dry_run)
		return image_copy_run(c, part, error);

	return make_copy(c, error);
}

static bool check_and_copy(struct image_copy *c, GError **error)
{
	bool is_volume = volume_is(c->job->to);
	const char *sum = c->job->o->checksum;

	if (sum && !image_checksum_is_valid(sum, error))
		return false;
	if (!image_copy_look(c, error))
		return false;
	if (!is_volume && (!choose_format(c, error) || !check_places(c, error)))
		return false;
	if (sum && !image_checksum_verify(c->from, sum, error))
		return false;

	return is_volume ? volume_copy(c, error) : copy_image(c, error);
}

static bool run_copy(struct image_job *job, bool is_import, GError **error)
{
	g_autofree char *from = image_job_path(job->path);
	g_autofree char *to = NULL;
	struct image_copy c = { .job = job, .from = from, .is_import = is_import,
				.format = job->o->from };

	to = volume_is(job->to) ? g_strdup(job->to) : image_job_path(job->to);
	c.to = to;

	return check_and_copy(&c, error);
}

bool image_convert(struct image_job *job, GError **error)
{
	return run_copy(job, false, error);
}

/* For a file it lies beside that; for a volume, where all may make files, by no name to guess. */
static char *download_place(const struct image_job *job)
{
	g_autofree char *number = NULL, *path = NULL;

	if (!volume_is(job->to)) {
		path = image_job_path(job->to);
		return g_strconcat(path, ".download", NULL);
	}

	number = g_uuid_string_random();

	return g_strconcat(PLACE "/" FOR_VOLUMES, number, NULL);
}

static bool most_to_download(const struct image_job *job, const char *place, guint64 *ret,
			     GError **error)
{
	guint64 most;

	if (!image_file_room(place, ret, error))
		return false;
	if (!job->o->max_size)
		return true;
	if (!image_job_size(job->o->max_size, &most, error))
		return false;

	*ret = MIN(*ret, most);

	return true;
}

/* Before anything is downloaded: what would be refused afterwards. */
static bool check_import_words(const struct image_job *job, GError **error)
{
	const char *sum = job->o->checksum;
	g_autofree char *to = NULL;

	if (sum && !image_checksum_is_valid(sum, error))
		return false;
	if (volume_is(job->to))
		return true;

	to = image_job_path(job->to);

	return image_file_may_make(to, job->o->force, error);
}

static bool import_url(struct image_job *job, GError **error)
{
	g_autofree char *place = download_place(job);
	const char *url = job->path;
	struct image_file file;
	guint64 most;
	bool ok;

	if (!check_import_words(job, error) || !most_to_download(job, place, &most, error))
		return false;
	if (job->o->dry_run) {
		image_job_say(job, "would_download_to", place);
		return true;
	}

	image_file_remove_parts(PLACE, FOR_VOLUMES);
	ok = image_file_open(&file, place, false, error);
	if (ok)
		ok = image_download(url, &file, most, error);
	if (ok) {
		job->path = file.handle;
		ok = run_copy(job, true, error);
		job->path = url;
	}

	image_file_clear(&file);

	return ok;
}

bool image_import(struct image_job *job, GError **error)
{
	if (image_is_url(job->path))
		return import_url(job, error);
	if (job->o->max_size)
		return vmm_fail(error, VMM_ERROR_USAGE, "--max-size is for what is downloaded");

	return run_copy(job, true, error);
}
