/* SPDX-License-Identifier: Apache-2.0 */
#include "image_copy.h"

#include <errno.h>

#include "image_file.h"
#include "image_tool.h"

static const char *const sources[] = { "raw", "qcow2", "qed", "vmdk", NULL };

static bool fail_backed(const struct image_copy *c, const char *backing, GError **error)
{
	vmm_fail(error, VMM_ERROR_REFUSED, "%s is backed by %s: it cannot be imported", c->from,
		 backing);
	vmm_error_set_hint(error, "convert it where it was made");

	return false;
}

/* What comes from outside is what it is said to be, and nothing else. */
static bool check_import(const struct image_copy *c, const struct image_header *h, GError **error)
{
	const char *declared = c->format;
	const char *found = h->format;

	if (g_str_equal(found, "iso") || g_str_equal(found, "gpt"))
		found = "raw";
	if (declared && !g_str_equal(declared, found))
		return vmm_fail(error, VMM_ERROR_INPUT, "%s is declared as %s, but it is %s",
				c->from, declared, found);

	return !h->backing || fail_backed(c, h->backing, error);
}

static bool look_at_source(struct image_copy *c, GError **error)
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
		c->format = image_job_format(c->from, &h, c->format, error);
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

bool image_copy_look(struct image_copy *c, GError **error)
{
	return look_at_source(c, error) || image_file_name_handles(error);
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
bool image_copy_measure(struct image_copy *c, GError **error)
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

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/*
 * FROM was checked some time ago. Who changes it can put its time of modification back, not that of
 * its inode; but libvirt, too, changes the inodes of images that a guest starts with.
 */
static bool check_source(const struct image_copy *c, GError **error)
{
	struct stat st;
	bool is_same, is_exact = c->job->o->checksum != NULL;

	if (stat(c->from, &st) < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", c->from);

	is_same = st.st_ino == c->seen.st_ino && st.st_size == c->seen.st_size;
	is_same = is_same && is_same_time(&st.st_mtim, &c->seen.st_mtim);
	if (is_same && (!is_exact || is_same_time(&st.st_ctim, &c->seen.st_ctim)))
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "%s was changed while it was read", c->from);
}

/* Of the new file, before it gets its name. */
static bool check_copy(const struct image_copy *c, const char *part, GError **error)
{
	guint64 size;

	if (!image_job_check(c->job, part, c->to_format, true, error))
		return false;
	if (!image_job_virtual_size(part, c->to_format, &size, error))
		return false;
	if (size < c->size)
		return vmm_fail(error, VMM_ERROR_INTERNAL, "qemu-img made %" G_GUINT64_FORMAT
				" bytes of the %" G_GUINT64_FORMAT " of %s", size, c->size,
				c->from);

	return check_source(c, error);
}

static const char *cache_of(const char *path)
{
	return image_file_is_direct(path) ? "none" : "writeback";
}

bool image_copy_run(const struct image_copy *c, const char *part, GError **error)
{
	const char *const words[] = {
		"convert", "-p", "-f", c->format, "-O", c->to_format, "-T", cache_of(c->from),
		"-t", cache_of(c->to), c->from, part, NULL
	};
	const struct image_tool tool = { .words = words, .image = c->from, .is_long = true,
					 .bytes = c->data, .progress = "converting" };

	if (c->job->o->dry_run) {
		image_tool_say(c->job, words);
		return true;
	}

	if (!image_tool_check_stopped(c->to, error))
		return false;
	if (!image_tool_run(c->job, &tool, NULL, error))
		return false;

	return check_copy(c, part, error) || image_file_name_handles(error);
}

bool image_copy_to_volume(const struct image_copy *c, const struct image_target *target,
			  GError **error)
{
	const char *const start[] = { "convert", "-p", "-n", "-f", c->format, "-T",
				      cache_of(c->from), NULL };
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	struct image_tool tool = { .image = c->from, .is_long = true, .bytes = c->size,
				   .progress = "converting" };

	for (size_t i = 0; start[i]; i++)
		g_ptr_array_add(words, (char *)start[i]);
	if (target->is_zero)
		g_ptr_array_add(words, (char *)"--target-is-zero");
	for (const char *const *word = target->words; *word; word++)
		g_ptr_array_add(words, (char *)*word);
	g_ptr_array_add(words, (char *)c->from);
	g_ptr_array_add(words, (char *)target->name);
	g_ptr_array_add(words, NULL);
	tool.words = (const char *const *)words->pdata;

	if (c->job->o->dry_run) {
		image_tool_say(c->job, tool.words);
		return true;
	}

	if (!image_tool_check_stopped(target->name, error))
		return false;
	if (!image_tool_run(c->job, &tool, NULL, error))
		return false;

	return check_source(c, error);
}
