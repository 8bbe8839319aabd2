/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_volume.h"

#include <errno.h>
#include <unistd.h>

#include "base/text.h"
#include "rbd.h"

/* The snapshot that OpenNebula's own driver clones, too. */
#define SNAP "snap"

/* What rbd calls the snapshot of a source: POOL/IMAGE, POOL/IMAGE@SNAP or a URL. */
static char *parent_of(const struct image_job *job, const char *source, GError **error)
{
	struct rbd_url url = { 0 };
	char *parent = NULL;

	if (!strstr(source, "://"))
		return strchr(source, '@') ? g_strdup(source) :
					     g_strconcat(source, "@" SNAP, NULL);
	if (rbd_url_parse(&url, source, error) && rbd_url_check(job, &url, source, error))
		parent = g_strdup_printf("%s/%s@%s", url.pool, url.image, url.snap);
	rbd_url_clear(&url);

	return parent;
}

/* Not by its snapshot, nor as the image service has it: then it is one of ours. */
static bool is_named(const char *source)
{
	return !strpbrk(source, "@:");
}

static bool create_snapshot(const struct image_job *job, const char *spec, GError **error)
{
	const char *const words[] = { "snap", "create", spec, NULL };

	return rbd_run(job, spec, false, words, NULL, error);
}

/* An image that was never cloned has no snapshot yet; two that make it at once make the same. */
static bool make_snapshot(const struct image_job *job, const char *source, const char *spec,
			  guint64 *ret_size, GError **error)
{
	g_autoptr(GError) cause = NULL;
	bool is_missing;

	if (rbd_image_size(job, spec, spec, ret_size, &cause))
		return true;

	is_missing = vmm_is(cause, VMM_ERROR_NOT_FOUND) && is_named(source);
	if (!is_missing || job->o->dry_run)
		return vmm_pass(error, &cause);

	g_clear_error(&cause);
	if (!create_snapshot(job, spec, &cause) && !vmm_is(cause, VMM_ERROR_EXISTS))
		return vmm_pass(error, &cause);
	if (!rbd_protect(job, spec, error))
		return false;

	return rbd_image_size(job, spec, spec, ret_size, error);
}

static bool plan_clone(struct disk_making *m, GError **error)
{
	const struct image_job *job = m->copy.job;

	m->volume.parent = parent_of(job, m->disk->source, error);
	if (!m->volume.parent)
		return false;

	if (!make_snapshot(job, m->disk->source, m->volume.parent, &m->copy.size, error))
		return false;
	m->volume.parent_size = m->copy.size;
	m->volume.may_protect = is_named(m->disk->source);

	return true;
}

bool disk_volume_plan(struct disk_making *m, GError **error)
{
	struct volume_state state = { 0 };
	bool is_there;

	if (!volume_parse(&m->volume, m->disk->volume, error))
		return false;
	if (!volume_look(m->copy.job, &m->volume, &state, error))
		return false;

	is_there = state.is_there;
	volume_state_clear(&state);
	if (!is_there)
		return m->disk->way != DISK_CLONE || plan_clone(m, error);

	vmm_fail(error, VMM_ERROR_EXISTS, "%s: %s is there already", m->disk->name,
		 m->volume.text);
	vmm_error_set_hint(error, "remove it, if it is no disk that is needed");

	return false;
}

bool disk_volume_check_room(const struct image_job *job, const GArray *makings, GError **error)
{
	const struct volume *one = NULL;
	guint64 needed = 0;

	for (guint i = 0; i < makings->len; i++) {
		const struct disk_making *m = &g_array_index(makings, struct disk_making, i);

		if (!m->disk->volume)
			continue;
		/* A pool gives space for what is written only. */
		one = &m->volume;
		if (m->disk->place == PLACE_DEVICE || m->disk->way == DISK_COPY)
			needed += m->size;
	}

	/* One datastore has one store. */
	return !needed || volume_room(job, one, needed, error);
}

bool disk_volume_write(struct image_job *job, struct disk_making *m, GError **error)
{
	g_autofree char *path = volume_part_path(&m->volume);

	if (!volume_begin(job, &m->volume, m->size, error))
		return false;
	if (m->disk->way == DISK_CLONE)
		return true;
	if (m->disk->way == DISK_COPY)
		return volume_fill(&m->volume, &m->copy, error);
	if (!volume_zero(&m->volume, 0, error))
		return false;
	if (!m->disk->filling)
		return true;

	return path ? disk_making_fill(job, m->disk->filling, path, error) :
		      disk_making_fill_volume(job, m, error);
}

void disk_volume_record(const struct disk_making *m, struct disk_record *record)
{
	g_autofree char *link = volume_path(&m->volume);
	const struct disk_entry entry = { .name = m->disk->name, .wish = m->disk->wish,
					  .link = link, .volume = m->volume.text,
					  .id = m->volume.id };

	disk_record_add_volume(record, &entry);
}

bool disk_volume_publish(struct disk_making *m, GError **error)
{
	g_autofree char *path = volume_path(&m->volume);

	if (!volume_publish(m->copy.job, &m->volume, error))
		return false;
	if (!path || symlink(path, m->path) == 0)
		return true;

	return vmm_fail_errno(error, errno, "cannot make %s", m->path);
}

static enum disk_found judge_state(const struct volume_state *state, bool is_same)
{
	if (!state->is_there)
		return DISK_GONE;
	if (!is_same)
		return DISK_OTHER;

	return state->in_use ? DISK_BUSY : DISK_OURS;
}

/* Under its name it is ours by its id alone. */
static bool look_at_name(const struct image_job *job, const struct volume *v, const char *id,
			 enum disk_found *ret, GError **error)
{
	struct volume_state state;

	*ret = DISK_GONE;
	if (!id)
		return true;
	if (!volume_look(job, v, &state, error))
		return false;

	*ret = judge_state(&state, g_strcmp0(state.id, id) == 0);
	volume_state_clear(&state);

	return true;
}

/*
 * Until we know its id, an unfinished volume is ours by its mark. That another volume has its name
 * by now is no reason to leave what we made.
 */
static bool look_by_id(const struct image_job *job, const struct volume *v, const char *id,
		       enum disk_found *ret, GError **error)
{
	struct volume_state state;
	enum disk_found part;

	if (!look_at_name(job, v, id, ret, error))
		return false;
	if (*ret == DISK_OURS || *ret == DISK_BUSY)
		return true;
	if (!volume_look_part(job, v, &state, error))
		return false;

	part = judge_state(&state, id ? g_strcmp0(state.id, id) == 0 : state.is_ours);
	volume_state_clear(&state);
	if (*ret == DISK_GONE || part == DISK_OURS || part == DISK_BUSY)
		*ret = part;

	return true;
}

/* The end of what disk_storage.h calls it: "lvm:vg/lv-one-7-0", "rbd:pool/image-7-0". */
bool disk_volume_is_of(const struct disk_entry *e, const char *vm)
{
	const char *digits = g_str_has_prefix(e->name, "disk.") ? strchr(e->name, '.') + 1 : "";
	g_autofree char *end = g_strdup_printf("-%s-%s", vm, digits);
	g_autofree char *path = NULL;
	struct volume v = { .fd = -1 };
	bool ok = text_is_digits(digits) && volume_is(e->volume) &&
		  volume_parse(&v, e->volume, NULL);

	if (ok) {
		path = volume_path(&v);
		ok = g_str_has_suffix(v.name, end) && !g_strcmp0(path, e->link);
	}
	volume_clear(&v);

	return ok;
}

typedef bool volume_looker(const struct image_job *job, const struct volume *volume,
			   const char *id, enum disk_found *ret, GError **error);

static bool look_with(volume_looker *look, const struct image_job *job, const struct disk_entry *e,
		      enum disk_found *ret, GError **error)
{
	struct volume v = { .fd = -1 };
	bool ok = volume_is(e->volume);

	if (!ok)
		vmm_fail(error, VMM_ERROR_REFUSED, "%s: '%s' is no volume", e->name, e->volume);
	else
		ok = volume_parse(&v, e->volume, error) && look(job, &v, e->id, ret, error);
	volume_clear(&v);

	return ok;
}

bool disk_volume_look(const struct image_job *job, const struct disk_entry *e,
		      enum disk_found *ret, GError **error)
{
	return look_with(look_by_id, job, e, ret, error);
}

bool disk_volume_look_whole(const struct image_job *job, const struct disk_entry *e,
			    enum disk_found *ret, GError **error)
{
	return look_with(look_at_name, job, e, ret, error);
}

bool disk_volume_activate(const struct image_job *job, const struct disk_entry *e, bool on,
			  GError **error)
{
	struct volume v;
	bool ok = volume_parse(&v, e->volume, error) && volume_activate(job, &v, on, error);

	volume_clear(&v);

	return ok;
}

bool disk_volume_remove(const struct image_job *job, const struct disk_entry *e, GError **error)
{
	struct volume v;
	bool ok = volume_parse(&v, e->volume, error) &&
		  volume_remove(job, &v, e->id, error);

	volume_clear(&v);

	return ok;
}
