/* SPDX-License-Identifier: Apache-2.0 */
#include "volume_commands.h"

#include "base/text.h"
#include "volume.h"

/* A guest reads the blocks of a volume: what an image has around its data would be data to it. */
static bool check_raw(const struct image_job *job, const char *volume, GError **error)
{
	const char *format = text_or(job->o->format, "raw");

	if (!g_str_equal(format, "raw"))
		return vmm_fail(error, VMM_ERROR_USAGE, "%s: --format %s: a volume is raw", volume,
				format);
	if (job->o->backing || job->o->preallocate)
		return vmm_fail(error, VMM_ERROR_USAGE, "%s: a volume has no backing file and no "
				"--preallocate", volume);
	if (job->o->force)
		return vmm_fail(error, VMM_ERROR_USAGE, "%s: a volume is not replaced: remove it "
				"first", volume);

	return true;
}

static void say_volume(struct image_job *job, const char *what, const char *volume, guint64 size)
{
	image_job_say(job, what, volume);
	image_job_say(job, "format", "raw");
	image_job_say_size(job, "virtual_size", size);
}

static bool fail_missing(const struct volume *v, GError **error)
{
	return vmm_fail(error, VMM_ERROR_NOT_FOUND, "%s is not there", v->text);
}

/* Who made it and who has it open is what decides about removing it. */
static bool info(struct image_job *job, const struct volume *v, GError **error)
{
	struct volume_state state;

	if (!volume_look(job, v, &state, error))
		return false;
	if (!state.is_there)
		return fail_missing(v, error);

	say_volume(job, "image", v->text, state.size);
	image_job_say(job, "id", state.id);
	image_job_say(job, "in_use", state.in_use ? "yes" : "no");
	image_job_say(job, "made_by_kvm-image", state.is_ours ? "yes" : "no");
	volume_state_clear(&state);

	return true;
}

bool volume_info(struct image_job *job, GError **error)
{
	struct volume v;
	bool ok = volume_parse(&v, job->path, error) && info(job, &v, error);

	volume_clear(&v);

	return ok;
}

/* A new volume shows no blocks of another one: all of it is zeroed before it has its name. */
static bool create(struct image_job *job, struct volume *v, guint64 size, GError **error)
{
	bool ok;

	if (!volume_may_make(job, v, size, error))
		return false;
	if (job->o->dry_run) {
		say_volume(job, "would_make", v->text, size);
		return true;
	}

	ok = volume_begin(job, v, size, error) && volume_zero(v, 0, error) &&
	     volume_publish(job, v, error);
	volume_abandon(job, v);
	if (ok)
		say_volume(job, "image", v->text, v->size);

	return ok;
}

bool volume_create(struct image_job *job, GError **error)
{
	struct volume v;
	guint64 size;
	bool ok;

	if (!check_raw(job, job->path, error))
		return false;
	if (!job->o->size)
		return vmm_fail(error, VMM_ERROR_USAGE, "--size is missing");
	if (!image_job_size(job->o->size, &size, error))
		return false;

	ok = volume_parse(&v, job->path, error) && create(job, &v, size, error);
	volume_clear(&v);

	return ok;
}

/* A guest that runs would see a new size only by its own QEMU: resize_disk does that. */
static bool check_growth(const struct image_job *job, const struct volume *v,
			 const struct volume_state *state, guint64 size, GError **error)
{
	if (!state->is_there)
		return fail_missing(v, error);
	if (size < state->size)
		return vmm_fail(error, VMM_ERROR_INPUT, "cannot resize %s: it has %"
				G_GUINT64_FORMAT " bytes, more than %s, and a volume is never made "
				"smaller", v->text, state->size, job->to);
	if (size == state->size)
		return true;
	if (state->in_use)
		return vmm_fail(error, VMM_ERROR_BUSY, "cannot resize %s: another program has it "
				"open, such as a running guest", v->text);

	return volume_room(job, v, size - state->size, error);
}

static bool resize(struct image_job *job, struct volume *v, guint64 size, GError **error)
{
	struct volume_state state;
	guint64 had;
	bool ok;

	if (!volume_look(job, v, &state, error))
		return false;

	had = state.size;
	ok = check_growth(job, v, &state, size, error);
	volume_state_clear(&state);
	if (ok && size != had && !job->o->dry_run)
		ok = volume_grow(job, v, size, error);
	if (ok)
		say_volume(job, job->o->dry_run ? "would_resize" : "image", v->text, size);

	return ok;
}

bool volume_resize(struct image_job *job, GError **error)
{
	struct volume v;
	guint64 size;
	bool ok;

	if (job->o->shrink)
		return vmm_fail(error, VMM_ERROR_USAGE, "a volume is never made smaller");
	if (!image_job_size(job->to, &size, error) || !check_raw(job, job->path, error))
		return false;

	ok = volume_parse(&v, job->path, error) && resize(job, &v, size, error);
	volume_clear(&v);

	return ok;
}

/* RET_ID: of what is there; the caller frees. An unfinished one is ours by its name and mark. */
static bool may_delete(const struct image_job *job, const struct volume *v, char **ret_id,
		       GError **error)
{
	struct volume_state state;
	bool is_another;

	if (!volume_look(job, v, &state, error))
		return false;

	/* With --format the administrator says that the volume is a disk, and may go. */
	is_another = state.is_there && !state.is_ours && !job->o->format;
	*ret_id = g_strdup(state.id);
	volume_state_clear(&state);
	if (!is_another)
		return true;

	vmm_fail(error, VMM_ERROR_REFUSED, "cannot remove %s: kvm-image did not make it", v->text);
	vmm_error_set_hint(error, "--format raw, if it is the disk of a VM");

	return false;
}

static bool delete_volume(struct image_job *job, struct volume *v, GError **error)
{
	g_autofree char *id = NULL;

	if (!may_delete(job, v, &id, error))
		return false;
	if (!job->o->dry_run && !volume_remove(job, v, id, error))
		return false;

	image_job_say(job, job->o->dry_run ? "would_remove" : "removed", v->text);

	return true;
}

bool volume_delete(struct image_job *job, GError **error)
{
	struct volume v;
	bool ok;

	if (!check_raw(job, job->path, error))
		return false;

	ok = volume_parse(&v, job->path, error) && delete_volume(job, &v, error);
	volume_clear(&v);

	return ok;
}

/* Published at the end only: a name that is there is a whole disk. */
static bool copy_to(const struct image_copy *c, struct volume *v, GError **error)
{
	bool ok;

	if (!volume_may_make(c->job, v, c->size, error))
		return false;
	if (c->job->o->dry_run)
		return volume_fill(v, c, error);

	ok = volume_begin(c->job, v, c->size, error) && volume_fill(v, c, error) &&
	     volume_publish(c->job, v, error);
	volume_abandon(c->job, v);
	if (ok)
		say_volume(c->job, "image", v->text, v->size);

	return ok;
}

bool volume_copy(struct image_copy *c, GError **error)
{
	struct volume v;
	bool ok;

	if (!check_raw(c->job, c->to, error))
		return false;

	ok = volume_parse(&v, c->to, error) && copy_to(c, &v, error);
	volume_clear(&v);

	return ok;
}
