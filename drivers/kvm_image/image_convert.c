/* SPDX-License-Identifier: Apache-2.0 */
/* convert and import. */
#include "base/text.h"
#include "image_checksum.h"
#include "image_commands.h"
#include "image_copy.h"
#include "image_file.h"

static const char *const targets[] = { "raw", "qcow2", NULL };

/* An import keeps a format that guests can use. */
static bool choose_format(struct image_copy *c, GError **error)
{
	const char *wanted = c->job->o->format;

	if (!wanted && c->is_import)
		wanted = g_strv_contains(targets, c->format) ? c->format : "raw";
	if (!wanted)
		return vmm_fail(error, VMM_ERROR_USAGE, "--format is missing");
	if (!g_strv_contains(targets, wanted))
		return vmm_fail(error, VMM_ERROR_USAGE, "--format %s: not raw or qcow2", wanted);

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

	return image_file_may_make(c->to, c->job->o->force, error);
}

static bool make_copy(const struct image_copy *c, GError **error)
{
	struct image_file file;
	bool ok = image_file_open(&file, c->to, c->job->o->force, error);

	if (ok)
		ok = image_copy_run(c, file.part, error);
	if (ok)
		ok = image_file_publish(&file, error);
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
	const char *sum = c->job->o->checksum;

	if (sum && !image_checksum_is_valid(sum, error))
		return false;
	if (!image_copy_look(c, error))
		return false;
	if (!choose_format(c, error) || !check_places(c, error))
		return false;
	if (sum && !image_checksum_verify(c->from, sum, error))
		return false;

	return copy_image(c, error);
}

static bool run_copy(struct image_job *job, bool is_import, GError **error)
{
	g_autofree char *from = image_job_path(job->path);
	g_autofree char *to = image_job_path(job->to);
	struct image_copy c = { .job = job, .from = from, .to = to, .is_import = is_import,
				.format = job->o->from };

	return check_and_copy(&c, error);
}

bool image_convert(struct image_job *job, GError **error)
{
	return run_copy(job, false, error);
}

bool image_import(struct image_job *job, GError **error)
{
	return run_copy(job, true, error);
}
