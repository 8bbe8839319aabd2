/* SPDX-License-Identifier: Apache-2.0 */
/* Images in a Ceph pool. A client that has one open is a watcher of it. */
#include "image_setting.h"
#include "rbd.h"
#include "volume_kind.h"

/*
 * An image that kvm-image made has this key, with its own id: Ceph gives the keys of an image to
 * clones and copies of it, too.
 */
#define MARK "kvm-image"

/* What a clone of a snapshot that is not protected fails with: EINVAL. */
#define UNPROTECTED "(22)"

/* A client that died is a watcher for 30 s more. */
enum { WATCH_S = 40 };

static char *spec_of(const struct volume *v, const char *name)
{
	return g_strconcat(v->store, "/", name, NULL);
}

#define rbd(job, v, error, ...) \
	rbd_run(job, (v)->text, false, (const char *const[]){ __VA_ARGS__, NULL }, NULL, error)
#define ask(job, v, ret, error, ...) \
	rbd_ask(job, (v)->text, \
		(const char *const[]){ "--format", "json", __VA_ARGS__, NULL }, ret, error)

static json_object *part_of(json_object *of, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(of, name, &value);

	return value;
}

static bool read_watchers(const struct image_job *job, const struct volume *v, const char *spec,
			  struct volume_state *ret, GError **error)
{
	json_object *all = NULL, *watchers;

	if (!ask(job, v, &all, error, "status", spec))
		return false;

	watchers = part_of(all, "watchers");
	ret->in_use = json_object_is_type(watchers, json_type_array) &&
		      json_object_array_length(watchers);
	json_object_put(all);

	return true;
}

static bool read_mark(const struct image_job *job, const struct volume *v, const char *spec,
		      struct volume_state *ret, GError **error)
{
	json_object *all = NULL;

	if (!ask(job, v, &all, error, "image-meta", "list", spec))
		return false;

	ret->is_ours = !g_strcmp0(json_object_get_string(part_of(all, MARK)), ret->id);
	json_object_put(all);

	return true;
}

static bool read_rbd_info(const struct image_job *job, const struct volume *v, const char *name,
			  struct volume_state *ret, GError **error)
{
	g_autofree char *spec = spec_of(v, name);
	json_object *all = NULL;

	if (!ask(job, v, &all, error, "info", spec))
		return false;

	ret->is_there = true;
	ret->size = (guint64)json_object_get_int64(part_of(all, "size"));
	ret->id = g_strdup(json_object_get_string(part_of(all, "id")));
	json_object_put(all);
	if (!v->is_made && !read_watchers(job, v, spec, ret, error))
		return false;

	/* No other program, and no other host, makes such names. */
	ret->is_ours = g_str_equal(name, v->part);

	return ret->is_ours || read_mark(job, v, spec, ret, error);
}

static bool look_rbd(const struct image_job *job, const struct volume *v, const char *name,
		     struct volume_state *ret, GError **error)
{
	g_autoptr(GError) cause = NULL;

	*ret = (struct volume_state){ 0 };
	if (read_rbd_info(job, v, name, ret, &cause))
		return true;

	volume_state_clear(ret);
	*ret = (struct volume_state){ 0 };

	return vmm_is(cause, VMM_ERROR_NOT_FOUND) || vmm_pass(error, &cause);
}

static bool room_in_pool(const struct image_job *job, const struct volume *v, guint64 size,
			 GError **error)
{
	guint64 room;

	if (!rbd_room(job, v->store, &room, error))
		return false;
	if (size <= room)
		return true;

	return vmm_fail(error, VMM_ERROR_NO_SPACE, "cannot make %s: it needs %" G_GUINT64_FORMAT
			" bytes, and pool %s can take %" G_GUINT64_FORMAT, v->text, size, v->store,
			room);
}

/* Sets its id and its size. */
static bool identify_part(const struct image_job *job, struct volume *v, const char *spec,
			  GError **error)
{
	json_object *all = NULL;

	if (!ask(job, v, &all, error, "info", spec))
		return false;

	v->size = (guint64)json_object_get_int64(part_of(all, "size"));
	v->id = g_strdup(json_object_get_string(part_of(all, "id")));
	json_object_put(all);
	if (v->id)
		return true;

	return vmm_fail(error, VMM_ERROR_INTERNAL, "%s: rbd does not say its id", v->text);
}

static bool set_mark(const struct image_job *job, struct volume *v, const char *spec,
		     GError **error)
{
	bool is_known = v->id || identify_part(job, v, spec, error);

	if (is_known && rbd(job, v, error, "image-meta", "set", spec, MARK, v->id))
		return true;

	g_clear_pointer(&v->id, g_free);
	rbd(job, v, NULL, "rm", "--no-progress", spec);

	return false;
}

/* Ceph's library says which id it has, the program prints nothing. */
static bool clone_once(const struct image_job *job, struct volume *v, const char *spec,
		       GError **error)
{
	const char *const words[] = { "clone", v->parent, spec, NULL };
	json_object *all = NULL;

	if (!rbd_ask(job, v->text, words, &all, error))
		return false;

	v->id = g_strdup(json_object_get_string(part_of(all, "id")));
	json_object_put(all);

	return true;
}

/* A run that ended between the making of the snapshot and its protection has left it so. */
static bool clone_snapshot(const struct image_job *job, struct volume *v, const char *spec,
			   GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (clone_once(job, v, spec, &cause))
		return true;
	if (!v->may_protect || !strstr(cause->message, UNPROTECTED))
		return vmm_pass(error, &cause);
	if (!rbd_protect(job, v->parent, error))
		return false;

	return clone_once(job, v, spec, error);
}

static bool clone_image(const struct image_job *job, struct volume *v, const char *spec,
			guint64 size, GError **error)
{
	g_autofree char *bytes = g_strdup_printf("%" G_GUINT64_FORMAT "B", size);

	if (!clone_snapshot(job, v, spec, error))
		return false;

	/* rbd takes the size that is there, the snapshot's, for a mistake. */
	v->size = size;
	if (size == v->parent_size)
		return true;
	if (rbd(job, v, error, "resize", "--no-progress", "--size", bytes, spec))
		return true;

	g_clear_pointer(&v->id, g_free);
	rbd(job, v, NULL, "rm", "--no-progress", spec);

	return false;
}

static bool make_rbd(const struct image_job *job, struct volume *v, guint64 size, GError **error)
{
	g_autofree char *bytes = g_strdup_printf("%" G_GUINT64_FORMAT "B", size);
	g_autofree char *spec = spec_of(v, v->part);
	bool ok;

	v->is_zero = true;
	if (v->parent)
		ok = clone_image(job, v, spec, size, error);
	else
		ok = rbd(job, v, error, "create", "--image-format", "2", "--size", bytes, spec);

	if (!ok)
		return false;

	return set_mark(job, v, spec, error);
}

/* A comma ends a word of qemu-img's, two are one. */
static void add_option(GString *options, const char *name, const char *value)
{
	g_auto(GStrv) parts = value ? g_strsplit(value, ",", -1) : NULL;
	g_autofree char *escaped = parts ? g_strjoinv(",,", parts) : NULL;

	if (escaped)
		g_string_append_printf(options, ",file.%s=%s", name, escaped);
}

static bool fill_rbd(struct volume *v, const struct image_copy *copy, GError **error)
{
	const char *const words[] = { "--target-image-opts", NULL };
	g_autoptr(GString) options = g_string_new("driver=raw,file.driver=rbd");
	struct image_target target = { .words = words, .is_zero = true };

	add_option(options, "pool", v->store);
	add_option(options, "image", v->part);
	add_option(options, "conf", image_setting(copy->job, "CEPH_CONF"));
	add_option(options, "user", image_setting(copy->job, "CEPH_USER"));
	target.name = options->str;

	return image_copy_to_volume(copy, &target, error);
}

static bool publish_rbd(const struct image_job *job, struct volume *v, GError **error)
{
	g_autofree char *from = spec_of(v, v->part);
	g_autofree char *to = spec_of(v, v->name);

	return rbd(job, v, error, "rename", from, to);
}

static bool grow_rbd(const struct image_job *job, struct volume *v, guint64 size, GError **error)
{
	g_autofree char *bytes = g_strdup_printf("%" G_GUINT64_FORMAT "B", size);
	g_autofree char *spec = spec_of(v, v->name);

	return rbd(job, v, error, "resize", "--no-progress", "--size", bytes, spec);
}

static bool remove_rbd(const struct image_job *job, const struct volume *v, const char *name,
		       GError **error)
{
	g_autofree char *spec = spec_of(v, name);
	const char *const words[] = { "rm", "--no-progress", spec, NULL };

	return rbd_run(job, v->text, true, words, NULL, error);
}

const struct volume_kind volume_rbd = {
	.prefix = "rbd:", .store = "POOL", .is_shared = true, .makes_once = true,
	.look = look_rbd,
	.room = room_in_pool, .make = make_rbd, .fill = fill_rbd, .publish = publish_rbd,
	.grow = grow_rbd, .remove = remove_rbd, .watch_s = WATCH_S,
};
