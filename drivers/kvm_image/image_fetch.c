/* SPDX-License-Identifier: Apache-2.0 */
/* fetch: a snapshot of an image in a Ceph pool becomes a local file, past the image service. */
#include <sys/stat.h>

#include "base/number.h"
#include "base/text.h"
#include "image_checksum.h"
#include "image_commands.h"
#include "image_copy.h"
#include "image_file.h"
#include "image_setting.h"
#include "rbd.h"

struct fetch {
	struct image_job *job;
	struct rbd_url url;
	char *text;		/* "I@S of pool P" */
	char *to;
	guint64 size;
	bool is_got;		/* what fails now would fail again with the image from elsewhere */
};

static bool parse_url(struct fetch *f, const char *url, GError **error)
{
	if (!rbd_url_parse(&f->url, url, error))
		return false;

	f->text = g_strdup_printf("%s@%s of pool %s", f->url.image, f->url.snap, f->url.pool);

	return true;
}

static bool check_allowed(const struct fetch *f, GError **error)
{
	const char *text = image_setting(f->job, "RBD_DOWNLOAD");
	bool is_allowed = true;

	if (text && !number_bool(text, &is_allowed, NULL))
		return vmm_fail(error, VMM_ERROR_CONFIG, "RBD_DOWNLOAD = '%s': not yes or no",
				text);
	if (is_allowed)
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "RBD_DOWNLOAD = no: images are not fetched from "
			"Ceph");
}

static bool read_size(struct fetch *f, GError **error)
{
	g_autofree char *spec = g_strdup_printf("%s/%s@%s", f->url.pool, f->url.image,
						f->url.snap);

	return rbd_image_size(f->job, f->text, spec, &f->size, error);
}

static bool ask_ceph(struct fetch *f, const char *url, GError **error)
{
	if (!parse_url(f, url, error))
		return false;
	if (!check_allowed(f, error))
		return false;
	if (!rbd_url_check(f->job, &f->url, f->text, error) || !read_size(f, error))
		return false;

	f->is_got = true;

	return true;
}

static bool check_target(const struct fetch *f, GError **error)
{
	guint64 room;

	if (!image_file_may_make(f->to, f->job->o->force, error))
		return false;
	if (!image_file_room(f->to, &room, error))
		return false;
	if (f->size <= room)
		return true;

	return vmm_fail(error, VMM_ERROR_NO_SPACE, "cannot make %s: %s has %" G_GUINT64_FORMAT
			" bytes, and %" G_GUINT64_FORMAT " are free", f->to, f->text, f->size,
			room);
}

/* rbd makes its file itself, and does not take one that is there. */
static bool export_image(struct fetch *f, struct image_file *file, GError **error)
{
	g_autofree char *data = image_file_data(file);
	const struct rbd_snapshot what = { .pool = f->url.pool, .image = f->url.image,
					   .snap = f->url.snap, .name = f->text, .path = data,
					   .size = f->size };
	g_autoptr(GError) cause = NULL;

	mode_t mask = umask(077);
	bool ok = rbd_export(f->job, &what, &cause);

	umask(mask);
	if (ok)
		return image_file_take_data(file, error);

	/* A full disk here is no fault of the way. */
	f->is_got = vmm_is(cause, VMM_ERROR_NO_SPACE) || vmm_is(cause, VMM_ERROR_CANCELLED);

	return vmm_pass(error, &cause);
}

/* As of any file from outside: its format is the declared one, and it leads nowhere. */
static bool check_image(const struct fetch *f, const struct image_file *file,
			struct image_copy *copy, GError **error)
{
	const char *sum = f->job->o->checksum;

	*copy = (struct image_copy){ .job = f->job, .from = file->handle, .is_import = true,
				     .format = f->job->o->format };
	if (!image_copy_look(copy, error))
		return false;

	return !sum || image_checksum_verify(file->handle, sum, error);
}

static bool get_image(struct fetch *f, GError **error)
{
	struct image_copy copy;
	struct image_file file;
	bool ok = image_file_open(&file, f->to, f->job->o->force, error);

	if (ok)
		ok = export_image(f, &file, error);
	if (ok)
		ok = check_image(f, &file, &copy, error);
	if (ok)
		ok = image_file_publish_plain(&file, error);
	image_file_clear(&file);
	if (ok)
		image_job_say_image(f->job, f->to, copy.format, copy.size);

	return ok;
}

static bool fetch(struct fetch *f, const char *url, GError **error)
{
	const char *sum = f->job->o->checksum;

	if (sum && !image_checksum_is_valid(sum, error)) {
		f->is_got = true;
		return false;
	}

	if (!ask_ceph(f, url, error))
		return false;
	if (!check_target(f, error))
		return false;
	if (!f->job->o->dry_run)
		return get_image(f, error);

	image_job_say(f->job, "would_fetch", f->text);
	image_job_say_size(f->job, "virtual_size", f->size);

	return true;
}

bool image_fetch(struct image_job *job, GError **error)
{
	struct fetch f = { .job = job, .to = image_job_path(job->to) };
	g_autoptr(GError) cause = NULL;
	bool ok = fetch(&f, job->path, &cause);

	if (!ok && f.text && !f.is_got)
		g_prefix_error(&cause, "could not fetch image ");
	if (!ok)
		json_object_object_add(job->result, "try_http", json_object_new_boolean(!f.is_got));
	if (!ok && f.text && !f.is_got)
		vmm_error_set_hint(&cause, "it is worth trying to fetch it over HTTP");
	rbd_url_clear(&f.url);
	g_free(f.text);
	g_free(f.to);

	return ok || vmm_pass(error, &cause);
}
