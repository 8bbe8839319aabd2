/* SPDX-License-Identifier: Apache-2.0 */
/* Logical volumes: their programs, and nothing of LVM's own files. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/number.h"
#include "base/text.h"
#include "image/image_use.h"
#include "image_file.h"
#include "image_setting.h"
#include "image_tool.h"
#include "volume_kind.h"
#include "volume_wipe.h"

/* A volume that we made has this tag, with the host where that was behind it. */
#define TAG "kvm-image."

/* Places in lvs' lv_attr: docs/facts/images.md 6. */
enum { ATTR_ACTIVE = 4, ATTR_OPEN = 5, ATTR_ZEROES = 7, ATTR_LENGTH = 8 };

enum { MIB_SHIFT = 20, MAX_MIB = 1 << 30 };

/* Hosts may share a volume group: only the one that made a volume knows that it is unfinished. */
static char *own_tag(void)
{
	g_autofree char *host = volume_own_host();

	return g_strconcat(TAG, host, NULL);
}

/* Runs one of LVM's programs. RET_OUT: NULL, or its stdout, which the caller frees. */
static bool run_lvm(const struct image_job *job, const struct volume *v, const char *const *words,
		    char **ret_out, GError **error)
{
	const struct image_tool tool = { .program = words[0], .words = words + 1,
					 .image = v->text, .changes_metadata = true };
	g_autoptr(GError) cause = NULL;

	if (image_tool_run(job, &tool, ret_out, &cause))
		return true;

	g_prefix_error(&cause, "%s: ", v->text);

	return vmm_pass(error, &cause);
}

#define lvm(job, v, error, ...) \
	run_lvm(job, v, (const char *const[]){ __VA_ARGS__, NULL }, NULL, error)

/* The first row of list KIND in a report; NULL: it has none. Borrowed from ALL. */
static json_object *first_row(json_object *all, const char *kind)
{
	json_object *report = NULL, *rows = NULL;

	json_object_object_get_ex(all, "report", &report);
	if (!json_object_is_type(report, json_type_array))
		return NULL;
	json_object_object_get_ex(json_object_array_get_idx(report, 0), kind, &rows);
	if (!json_object_is_type(rows, json_type_array))
		return NULL;

	return json_object_array_get_idx(rows, 0);
}

/* "" when it is not there. Borrowed. */
static const char *field(json_object *row, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(row, name, &value);

	return text_or(json_object_get_string(value), "");
}

/* LVM is asked for bytes without a unit; anything else is another LVM than we know. */
static bool read_bytes(const struct volume *v, json_object *row, const char *name, guint64 *ret,
		       GError **error)
{
	if (number_unsigned(field(row, name), 0, G_MAXINT64, ret, NULL))
		return true;

	return vmm_fail(error, VMM_ERROR_INTERNAL, "%s: LVM says %s = '%s'", v->text, name,
			field(row, name));
}

/* PART is ours if it was made on this host: another host may be making it now. */
static bool has_our_tag(const struct volume *v, const char *name, const char *tags)
{
	g_auto(GStrv) words = g_strsplit(tags, ",", -1);
	g_autofree char *own = own_tag();

	for (char **word = words; *word; word++)
		if (g_str_equal(*word, own) ||
		    (g_str_equal(name, v->name) && g_str_has_prefix(*word, TAG)))
			return true;

	return false;
}

/* "X" is unknown in lv_attr: then nothing is decided by it. */
static bool read_state(const struct volume *v, const char *name, json_object *row,
		       struct volume_state *ret, GError **error)
{
	const char *attr = field(row, "lv_attr");

	if (strlen(attr) < ATTR_LENGTH || attr[ATTR_OPEN] == 'X' || attr[ATTR_ACTIVE] == 'X')
		return vmm_fail(error, VMM_ERROR_INTERNAL, "%s: LVM does not say whether a "
				"program has it open", v->text);
	if (!read_bytes(v, row, "lv_size", &ret->size, error))
		return false;

	ret->is_there = true;
	ret->in_use = attr[ATTR_OPEN] == 'o';
	ret->is_ours = has_our_tag(v, name, field(row, "lv_tags"));
	ret->id = g_strdup(field(row, "lv_uuid"));

	return true;
}

/* RET: the row of volume NAME of GROUP in ALL, which the caller puts; no row: it is not there. */
static bool ask_volume(const struct image_job *job, const struct volume *v, const char *name,
		       json_object **ret_all, GError **error)
{
	g_autofree char *select = g_strconcat("lv_name=", name, NULL);
	const char *const words[] = {
		"lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o",
		"lv_name,lv_size,lv_uuid,lv_tags,lv_attr", "-S", select, v->store, NULL
	};
	g_autofree char *out = NULL;

	if (!run_lvm(job, v, words, &out, error))
		return false;

	*ret_all = json_tokener_parse(out);
	if (json_object_is_type(*ret_all, json_type_object))
		return true;
	json_object_put(*ret_all);

	return vmm_fail(error, VMM_ERROR_INTERNAL, "%s: lvs prints no JSON", v->text);
}

/* A volume that is not there is an empty list, and no error of lvs. */
static bool look_lvm(const struct image_job *job, const struct volume *v, const char *name,
		     struct volume_state *ret, GError **error)
{
	json_object *all = NULL, *row;
	bool ok;

	*ret = (struct volume_state){ 0 };
	if (!ask_volume(job, v, name, &all, error))
		return false;

	row = first_row(all, "lv");
	ok = !row || read_state(v, name, row, ret, error);
	json_object_put(all);

	return ok;
}

/* Extents are what is given out: a size is rounded up to them. */
static bool ask_group(const struct image_job *job, const struct volume *v, guint64 *ret_free,
		      guint64 *ret_extent, GError **error)
{
	const char *const words[] = { "vgs", "--reportformat", "json", "--units", "b",
				      "--nosuffix", "-o", "vg_free,vg_extent_size", v->store,
				      NULL };
	g_autofree char *out = NULL;
	json_object *all, *row;
	bool ok;

	if (!run_lvm(job, v, words, &out, error))
		return false;

	all = json_tokener_parse(out);
	row = first_row(all, "vg");
	ok = read_bytes(v, row, "vg_free", ret_free, error) &&
	     read_bytes(v, row, "vg_extent_size", ret_extent, error);
	json_object_put(all);

	return ok;
}

/* A thin pool may promise more than it has; a warning is all that it is worth. */
static bool room_of_pool(const struct image_job *job, const struct volume *v, const char *pool,
			 guint64 size, GError **error)
{
	struct volume_state state = { 0 };

	if (!look_lvm(job, v, pool, &state, error))
		return false;
	if (!state.is_there)
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "%s: volume group %s has no thin pool "
				"%s", v->text, v->store, pool);
	if (size > state.size)
		fprintf(stderr, "kvm-image: warning: %s gets %" G_GUINT64_FORMAT " bytes, more "
			"than thin pool %s/%s has in all\n", v->text, size, v->store, pool);
	volume_state_clear(&state);

	return true;
}

/* Asked before anything is made, so that a full group is one clear error. */
static bool room_lvm(const struct image_job *job, const struct volume *v, guint64 size,
		     GError **error)
{
	const char *pool = image_setting(job, "THIN_POOL");
	guint64 room, extent, needed;

	if (pool)
		return room_of_pool(job, v, pool, size, error);
	if (!ask_group(job, v, &room, &extent, error))
		return false;

	needed = size;
	if (extent && size % extent)
		needed += extent - size % extent;
	if (needed <= room)
		return true;

	vmm_fail(error, VMM_ERROR_NO_SPACE, "cannot make %s: it needs %" G_GUINT64_FORMAT
		 " bytes, and %" G_GUINT64_FORMAT " are free in volume group %s", v->text, needed,
		 room, v->store);
	vmm_error_set_hint(error, "vgextend %s with another disk, or remove volumes", v->store);

	return false;
}

/* Whether NAME is a thin volume whose blocks are zeroed before they are given to it. */
static bool reads_zeros(const struct image_job *job, const struct volume *v, const char *name)
{
	json_object *all = NULL;
	const char *attr;
	bool is_zero;

	if (!ask_volume(job, v, name, &all, NULL))
		return false;

	attr = field(first_row(all, "lv"), "lv_attr");
	is_zero = strlen(attr) >= ATTR_LENGTH && attr[ATTR_ZEROES] == 'z';
	json_object_put(all);

	return is_zero;
}

static bool make_lvm(const struct image_job *job, struct volume *v, guint64 size, GError **error)
{
	g_autofree char *bytes = g_strdup_printf("%" G_GUINT64_FORMAT "b", size);
	g_autofree char *path = volume_part_path(v);
	const char *pool = v->is_thick ? NULL : image_setting(job, "THIN_POOL");
	g_autofree char *tag = own_tag();
	bool ok;

	/* The whole volume is written next, so it is not wiped before. */
	if (pool)
		ok = lvm(job, v, error, "lvcreate", "-q", "-y", "-W", "n", "--addtag", tag, "-n",
			 v->part, "-V", bytes, "--thinpool", pool, v->store);
	else
		ok = lvm(job, v, error, "lvcreate", "-q", "-y", "-W", "n", "-Z", "n", "--addtag",
			 tag, "-n", v->part, "-L", bytes, v->store);
	if (!ok)
		return false;

	v->is_zero = pool && reads_zeros(job, v, v->part);
	v->fd = open(path, O_RDWR | O_CLOEXEC);
	if (v->fd >= 0)
		return true;

	vmm_fail_errno(error, errno, "cannot open %s", path);
	lvm(job, v, NULL, "lvremove", "-q", "-y", path);

	return false;
}

/* QEMU writes past the cache: publish_lvm() then has little left to sync. */
static bool fill_lvm(struct volume *v, const struct image_copy *copy, GError **error)
{
	g_autofree char *path = volume_part_path(v);
	const char *const words[] = { "-O", "raw", "-t", "none", NULL };
	const struct image_target target = { .words = words, .name = path, .is_zero = v->is_zero };

	return image_copy_to_volume(copy, &target, error);
}

/* Synced first: after a power cut the name stands for what was written. */
static bool publish_lvm(const struct image_job *job, struct volume *v, GError **error)
{
	if (fsync(v->fd) < 0)
		return vmm_fail_errno(error, errno, "cannot write %s", v->text);

	return lvm(job, v, error, "lvrename", "-q", v->store, v->part, v->name);
}

/* Adds the words of TEXT, a row for each segment: "/dev/sda:10-19", separated by blanks. */
static void add_ranges(const char *text, GPtrArray *ranges)
{
	g_auto(GStrv) words = g_strsplit_set(text, " \n", -1);

	for (char **word = words; *word; word++)
		if (**word == '/')
			g_ptr_array_add(ranges, g_strdup(*word));
}

/* Where the zeroed blocks lie, to be given to the volume that grows. */
static bool ask_ranges(const struct image_job *job, const struct volume *v, GPtrArray *ranges,
		       GError **error)
{
	g_autofree char *path = volume_part_path(v);
	const char *const words[] = { "lvs", "--noheadings", "-o", "seg_pe_ranges", path, NULL };
	g_autofree char *out = NULL;

	if (!run_lvm(job, v, words, &out, error))
		return false;

	add_ranges(out, ranges);
	if (ranges->len)
		return true;

	return vmm_fail(error, VMM_ERROR_INTERNAL, "%s: LVM does not say where its new blocks are",
			v->text);
}

/* RANGES: places of SIZE bytes that are zero and belong to no volume any more. */
static bool make_zeros(const struct image_job *job, struct volume *v, guint64 size,
		       GPtrArray *ranges, GError **error)
{
	g_autofree char *path = volume_part_path(v);
	bool ok;

	v->is_thick = true;
	ok = volume_begin(job, v, size, error) && volume_zero(v, 0, error) &&
	     ask_ranges(job, v, ranges, error);
	if (!ok) {
		volume_abandon(job, v);
		return false;
	}

	close(v->fd);
	v->fd = -1;
	g_clear_pointer(&v->id, g_free);

	return lvm(job, v, error, "lvremove", "-q", "-y", path);
}

/* What the kernel gives now, as LVM may have grown it since it was looked at. */
static bool device_size(const char *path, guint64 *ret, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = -1;

	if (fd >= 0) {
		end = lseek(fd, 0, SEEK_END);
		close(fd);
	}

	*ret = (guint64)MAX(end, 0);

	return end >= 0 || vmm_fail_errno(error, errno, "cannot open %s", path);
}

/*
 * A guest must never see what was there before, whenever we are killed: the blocks are zeroed as
 * another volume, and then are those that it gets.
 */
static bool grow_lvm(const struct image_job *job, struct volume *v, guint64 size, GError **error)
{
	g_autofree char *bytes = g_strdup_printf("%" G_GUINT64_FORMAT "b", size);
	g_autofree char *path = volume_path(v);
	g_autoptr(GPtrArray) ranges = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	const char *const start[] = { "lvextend", "-q", "-L", bytes, path };
	guint64 had;

	if (!device_size(path, &had, error))
		return false;
	if (!reads_zeros(job, v, v->name) && !make_zeros(job, v, size - had, ranges, error))
		return false;

	for (size_t i = 0; i < G_N_ELEMENTS(start); i++)
		g_ptr_array_add(words, (char *)start[i]);
	for (guint i = 0; i < ranges->len; i++)
		g_ptr_array_add(words, ranges->pdata[i]);
	g_ptr_array_add(words, NULL);

	return run_lvm(job, v, (const char *const *)words->pdata, NULL, error);
}

/* Bytes to wipe from the beginning of one that has SIZE. */
static bool bytes_to_wipe(const struct image_job *job, guint64 size, guint64 *ret, GError **error)
{
	const char *how = text_or(image_setting(job, "VOLUME_CLEAR"), "zero");
	const char *most = text_or(image_setting(job, "VOLUME_CLEAR_SIZE"), "0");
	guint64 mib;

	if (!g_str_equal(how, "zero") && !g_str_equal(how, "none"))
		return vmm_fail(error, VMM_ERROR_CONFIG, "VOLUME_CLEAR = '%s': not zero or none",
				how);
	if (!number_unsigned(most, 0, MAX_MIB, &mib, NULL))
		return vmm_fail(error, VMM_ERROR_CONFIG, "VOLUME_CLEAR_SIZE = '%s': not a number "
				"of MiB", most);

	*ret = mib ? MIN(size, mib << MIB_SHIFT) : size;
	if (g_str_equal(how, "none"))
		*ret = 0;

	return true;
}

/* Under PART's name: nobody opens it any more. */
static bool wipe_part(const struct image_job *job, const struct volume *v, GError **error)
{
	g_autofree char *path = volume_part_path(v);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	guint64 bytes = 0;
	bool ok;

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot open %s", path);

	if (image_in_use(fd))
		ok = vmm_fail(error, VMM_ERROR_BUSY, "cannot remove %s: another program has it "
			      "open, such as a running guest", v->text);
	else
		ok = bytes_to_wipe(job, (guint64)lseek(fd, 0, SEEK_END), &bytes, error) &&
		     volume_wipe(fd, v->text, 0, bytes, error);
	close(fd);

	return ok;
}

/* A name that no guest has, and a mark by which the next run knows it. */
static bool hide(const struct image_job *job, const struct volume *v, GError **error)
{
	g_autofree char *path = volume_path(v);
	g_autofree char *tag = own_tag();

	if (!lvm(job, v, error, "lvchange", "-q", "--addtag", tag, path))
		return false;

	return lvm(job, v, error, "lvrename", "-q", v->store, v->name, v->part);
}

/* Blocks of a thin volume are zeroed by their pool, before another volume gets them. */
static bool remove_lvm(const struct image_job *job, const struct volume *v, const char *name,
		       GError **error)
{
	g_autofree char *path = volume_part_path(v);

	if (g_str_equal(name, v->name) && !hide(job, v, error))
		return false;
	if (!lvm(job, v, error, "lvchange", "-q", "-a", "y", path))
		return false;
	if (!reads_zeros(job, v, v->part) && !wipe_part(job, v, error))
		return false;

	return lvm(job, v, error, "lvremove", "-q", "-y", path);
}

static bool activate_lvm(const struct image_job *job, const struct volume *v, bool on,
			 GError **error)
{
	g_autofree char *path = volume_path(v);
	const char *how = on ? "y" : "n";

	return lvm(job, v, error, "lvchange", "-q", "-a", how, path);
}

const struct volume_kind volume_lvm = {
	.prefix = "lvm:", .store = "GROUP", .look = look_lvm, .room = room_lvm, .make = make_lvm,
	.fill = fill_lvm, .publish = publish_lvm, .grow = grow_lvm, .remove = remove_lvm,
	.activate = activate_lvm,
};
