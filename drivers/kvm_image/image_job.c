/* SPDX-License-Identifier: Apache-2.0 */
#include "image_job.h"

#include <sys/stat.h>

#include "base/number.h"
#include "base/text.h"
#include "conf/paths.h"
#include "image/image_places.h"

enum { SECTOR = 512, MAX_LINE = 2000 };

/* As "/…": QEMU takes "json:…" and "nbd:…" for protocols, and "-…" for an option. */
char *image_job_path(const char *operand)
{
	g_autofree char *here = g_get_current_dir();

	if (g_path_is_absolute(operand))
		return g_strdup(operand);

	return g_build_filename(here, operand, NULL);
}

static void say(struct image_job *job, const char *name, const char *value)
{
	g_autofree char *words = g_strdelimit(g_strdup(name), "_", ' ');
	g_autofree char *valid = g_utf8_make_valid(value, -1);
	g_autofree char *line = text_line(valid, MAX_LINE);

	g_string_append_printf(job->text, "%s: %s\n", words, line);
}

void image_job_say(struct image_job *job, const char *name, const char *value)
{
	g_autofree char *valid = g_utf8_make_valid(value, -1);

	say(job, name, value);
	json_object_object_add(job->result, name, json_object_new_string(valid));
}

void image_job_say_size(struct image_job *job, const char *name, guint64 bytes)
{
	g_autofree char *size = text_size(bytes);
	g_autofree char *both = g_strdup_printf("%" G_GUINT64_FORMAT " (%s)", bytes, size);

	say(job, name, both);
	json_object_object_add(job->result, name, json_object_new_uint64(bytes));
}

void image_job_say_image(struct image_job *job, const char *path, const char *format, guint64 size)
{
	image_job_say(job, "image", path);
	image_job_say(job, "format", format);
	image_job_say_size(job, "virtual_size", size);
}

/* PATH's directory is taken for the VM's. */
static void init_places(const struct image_job *job, const char *path, bool tool,
			struct image_places *places)
{
	const char *more = conf_kvmrc_string(job->rc, "IMAGE_BACKING_PATHS");
	const char *types = conf_kvmrc_string(job->rc, "VMDK_ALLOWED_TYPES");
	g_autofree char *stores = conf_path_var("datastores");
	g_autofree char *directory = g_path_get_dirname(path);

	image_places_init(places, stores, directory, more, types);
	places->policy.says_formats = tool;
}

bool image_job_check(const struct image_job *job, const char *path, const char *format, bool tool,
		     GError **error)
{
	struct image_places places;
	bool ok;

	init_places(job, path, tool, &places);
	ok = image_check(path, format, &places.policy, error);
	image_places_clear(&places);

	return ok;
}

bool image_job_check_replaced(const struct image_job *job, const char *path, const char *format,
			      const char *to, GError **error)
{
	struct image_places places;
	bool ok;

	init_places(job, path, true, &places);
	places.policy.replaced = to;
	ok = image_check(path, format, &places.policy, error);
	image_places_clear(&places);

	return ok;
}

bool image_job_check_backing(const struct image_job *job, const char *path, GError **error)
{
	struct image_places places;
	bool ok;

	init_places(job, path, true, &places);
	places.policy.replaced = path;
	ok = image_check_backing(path, job->o->backing, job->o->backing_format, &places.policy,
				 error);
	image_places_clear(&places);

	return ok;
}

const char *image_job_format(const char *path, const struct image_header *h, const char *declared,
			     GError **error)
{
	if (declared)
		return declared;

	if (h->backing) {
		vmm_fail(error, VMM_ERROR_REFUSED, "%s is backed by %s, and its format is not "
			 "declared", path, h->backing);
		vmm_error_set_hint(error, "say which format it has; a guest can write any header "
				   "into a raw disk");
		return NULL;
	}

	if (g_str_equal(h->format, "iso") || g_str_equal(h->format, "gpt"))
		return "raw";

	return h->format;
}

char *image_job_disk(const struct image_job *job, GError **error)
{
	guint64 id;

	if (number_unsigned(job->o->disk, 0, G_MAXINT32, &id, NULL))
		return g_strdup_printf("disk.%" G_GUINT64_FORMAT, id);

	vmm_fail(error, VMM_ERROR_USAGE, "--disk '%s' is not the number of a disk", job->o->disk);

	return NULL;
}

bool image_job_size(const char *text, guint64 *ret, GError **error)
{
	guint64 bytes;

	if (!number_size(text, &bytes, error))
		return false;
	if (bytes % SECTOR)
		return vmm_fail(error, VMM_ERROR_USAGE, "size %s is not a multiple of %d bytes",
				text, SECTOR);

	*ret = bytes;

	return true;
}

bool image_job_virtual_size(const char *path, const char *format, guint64 *ret, GError **error)
{
	struct image_header h = { 0 };
	struct stat st;

	if (!image_header_load(path, &h, error))
		return false;

	*ret = h.size;
	image_header_clear(&h);
	if (g_str_equal(format, "raw") && stat(path, &st) == 0)
		*ret = (guint64)st.st_size;

	return true;
}

bool image_job_check_written(const char *format, GError **error)
{
	static const char *const written[] = { "raw", "qcow2", NULL };

	if (format && g_strv_contains(written, format))
		return true;
	if (format)
		vmm_fail(error, VMM_ERROR_USAGE, "--format %s: that is not written", format);
	else
		vmm_fail(error, VMM_ERROR_USAGE, "--format is missing");
	vmm_error_set_hint(error, "--format raw or --format qcow2");

	return false;
}
