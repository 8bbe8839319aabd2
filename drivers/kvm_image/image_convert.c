/* SPDX-License-Identifier: Apache-2.0 */
/* convert and import. */
#include <errno.h>
#include <sys/stat.h>

#include "base/text.h"
#include "image_checksum.h"
#include "image_commands.h"
#include "image_file.h"
#include "image_tool.h"

static const char *const sources[] = { "raw", "qcow2", "qed", "vmdk", NULL };
static const char *const targets[] = { "raw", "qcow2", NULL };

/* One copy. */
struct copy {
	struct image_job *job;
	char *from, *to;
	bool is_import;
	const char *format;	/* of FROM; borrowed */
	const char *to_format;	/* borrowed */
	guint64 size;		/* virtual */
	guint64 data;		/* bytes to write, at most */
	struct stat seen;	/* FROM, before its header was read */
};

static bool fail_backed(const struct copy *c, const char *backing, GError **error)
{
	vmm_fail(error, VMM_ERROR_REFUSED, "%s is backed by %s: it cannot be imported", c->from,
		 backing);
	vmm_error_set_hint(error, "convert it where it was made");

	return false;
}

/* What comes from outside is what it is said to be, and nothing else. */
static bool check_import(const struct copy *c, const struct image_header *h, GError **error)
{
	const char *declared = c->job->o->from;
	const char *found = h->format;

	if (g_str_equal(found, "iso") || g_str_equal(found, "gpt"))
		found = "raw";
	if (declared && !g_str_equal(declared, found))
		return vmm_fail(error, VMM_ERROR_INPUT, "%s is declared as %s, but it is %s",
				c->from, declared, found);

	return !h->backing || fail_backed(c, h->backing, error);
}

/* Sets the format of FROM. */
static bool read_source(struct copy *c, GError **error)
{
	struct image_header h = { 0 };
	bool ok;

	if (stat(c->from, &c->seen) == 0 && !S_ISREG(c->seen.st_mode))
		return vmm_fail(error, VMM_ERROR_REFUSED, "cannot read %s: it is not a regular "
				"file", c->from);
	if (!image_header_load(c->from, &h, error))
		return false;

	ok = !c->is_import || check_import(c, &h, error);
	if (ok)
		c->format = image_job_format(c->from, &h, c->job->o->from, error);
	image_header_clear(&h);
	if (!ok || !c->format)
		return false;
	if (!g_strv_contains(sources, c->format))
		return vmm_fail(error, VMM_ERROR_INPUT, "%s is %s, not raw, qcow2, qed or vmdk",
				c->from, c->format);
	if (!image_job_check(c->job, c->from, c->format, true, error))
		return false;

	return image_job_virtual_size(c->from, c->format, &c->size, error);
}

/* An import keeps a format that guests can use. */
static bool choose_format(struct copy *c, GError **error)
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

static bool check_places(const struct copy *c, GError **error)
{
	struct stat st;
	bool is_there = lstat(c->to, &st) == 0;

	if (is_there && st.st_dev == c->seen.st_dev && st.st_ino == c->seen.st_ino)
		return vmm_fail(error, VMM_ERROR_USAGE, "%s and %s are the same file", c->from,
				c->to);

	return image_file_may_make(c->to, c->job->o->force, error);
}

static bool parse_required(const char *text, const char *from, guint64 *ret, GError **error)
{
	json_object *all = json_tokener_parse(text);
	json_object *required = NULL;
	bool ok;

	json_object_object_get_ex(all, "required", &required);
	ok = json_object_is_type(required, json_type_int) && json_object_get_int64(required) >= 0;
	if (ok)
		*ret = (guint64)json_object_get_int64(required);
	json_object_put(all);

	return ok || vmm_fail(error, VMM_ERROR_INTERNAL, "qemu-img does not say how large %s is",
			      from);
}

/* As a qcow2 has it, so without what is zero: a raw file has holes there. */
static bool measure(struct copy *c, GError **error)
{
	const char *const words[] = { "measure", "--output=json", "-f", c->format, "-O", "qcow2",
				      c->from, NULL };
	const struct image_tool tool = { .words = words, .image = c->from };
	g_autofree char *out = NULL;
	guint64 room;

	if (!image_tool_run(c->job, &tool, &out, error))
		return false;
	if (!parse_required(out, c->from, &c->data, error))
		return false;
	if (!image_file_room(c->to, &room, error))
		return false;
	if (c->data <= room)
		return true;

	return vmm_fail(error, VMM_ERROR_NO_SPACE, "cannot make %s: it needs %" G_GUINT64_FORMAT
			" bytes, and %" G_GUINT64_FORMAT " are free", c->to, c->data, room);
}

/* Of the new file, before it gets its name, and of FROM, which was checked some time ago. */
static bool check_copy(const struct copy *c, const char *part, GError **error)
{
	guint64 size;
	struct stat st;
	bool is_same;

	if (!image_job_check(c->job, part, c->to_format, true, error))
		return false;
	if (!image_job_virtual_size(part, c->to_format, &size, error))
		return false;
	if (size < c->size)
		return vmm_fail(error, VMM_ERROR_INTERNAL, "qemu-img made %" G_GUINT64_FORMAT
				" bytes of the %" G_GUINT64_FORMAT " of %s", size, c->size,
				c->from);
	if (stat(c->from, &st) < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", c->from);

	is_same = st.st_ino == c->seen.st_ino && st.st_size == c->seen.st_size;
	if (is_same && !memcmp(&st.st_mtim, &c->seen.st_mtim, sizeof(st.st_mtim)))
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "%s was changed while it was read", c->from);
}

static bool make_copy(const struct copy *c, const struct image_tool *tool, GError **error)
{
	struct image_file file;
	bool ok = image_file_open(&file, c->to, c->job->o->force, error);

	if (ok)
		ok = image_tool_run(c->job, tool, NULL, error);
	if (ok)
		ok = check_copy(c, file.part, error);
	if (ok)
		ok = image_file_publish(&file, error);
	image_file_clear(&file);
	if (ok)
		image_job_say_image(c->job, c->to, c->to_format, c->size);

	return ok;
}

static const char *cache_of(const char *path)
{
	return image_file_is_direct(path) ? "none" : "writeback";
}

static bool copy_image(struct copy *c, GError **error)
{
	g_autofree char *part = image_file_part(c->to);
	const char *const words[] = {
		"convert", "-p", "-f", c->format, "-O", c->to_format, "-T", cache_of(c->from),
		"-t", cache_of(c->to), c->from, part, NULL
	};
	struct image_tool tool = { .words = words, .image = c->from, .is_long = true,
				   .progress = "converting" };

	if (!measure(c, error))
		return false;

	tool.bytes = c->data;
	if (!c->job->o->dry_run)
		return make_copy(c, &tool, error);

	image_tool_say(c->job, words);

	return true;
}

static bool check_and_copy(struct copy *c, GError **error)
{
	const char *sum = c->job->o->checksum;

	if (sum && !image_checksum_is_valid(sum, error))
		return false;
	if (!read_source(c, error))
		return false;
	if (!choose_format(c, error) || !check_places(c, error))
		return false;
	if (sum && !image_checksum_verify(c->from, sum, error))
		return false;

	return copy_image(c, error);
}

static bool run_copy(struct image_job *job, bool is_import, GError **error)
{
	struct copy c = { .job = job, .from = image_job_path(job->path),
			  .to = image_job_path(job->to), .is_import = is_import };
	bool ok = check_and_copy(&c, error);

	g_free(c.from);
	g_free(c.to);

	return ok;
}

bool image_convert(struct image_job *job, GError **error)
{
	return run_copy(job, false, error);
}

bool image_import(struct image_job *job, GError **error)
{
	return run_copy(job, true, error);
}
