/* SPDX-License-Identifier: Apache-2.0 */
#include "volume.h"

#include <sys/file.h>
#include <unistd.h>

#include "base/deadline.h"
#include "image_tool.h"
#include "volume_kind.h"
#include "volume_wipe.h"

#define PART ".kvm-image"

enum { MAX_NAME = 100, PAUSE_MS = 1000, MS = 1000 };

static const struct volume_kind *const kinds[] = { &volume_lvm, &volume_rbd };

/* NULL: the operand is a path. */
static const struct volume_kind *kind_of_operand(const char *operand)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_str_has_prefix(operand, kinds[i]->prefix))
			return kinds[i];

	return NULL;
}

bool volume_is(const char *operand)
{
	return kind_of_operand(operand) != NULL;
}

/* Letters, digits and few signs: never an option, a path, or syntax of another program. */
static bool is_volume_name(const char *text)
{
	size_t len = strlen(text);

	if (!len || len > MAX_NAME || *text == '-' || *text == '.')
		return false;

	for (; *text; text++)
		if (!g_ascii_isalnum(*text) && !strchr("-_.+", *text))
			return false;

	return true;
}

char *volume_own_host(void)
{
	static const char allowed[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-";

	return g_strcanon(g_strdup(g_get_host_name()), allowed, '_');
}

/* Several hosts share a pool: the name of an unfinished image says whose it is. */
static char *part_name(const struct volume *v)
{
	g_autofree char *host = volume_own_host();

	if (v->kind->is_shared)
		return g_strconcat(v->name, PART ".", host, NULL);

	return g_strconcat(v->name, PART, NULL);
}

/* The first part is what volumes lie in: a group or a pool. */
bool volume_parse(struct volume *v, const char *operand, GError **error)
{
	const struct volume_kind *kind = kind_of_operand(operand);
	g_auto(GStrv) parts = NULL;

	*v = (struct volume){ .kind = kind, .fd = -1 };
	parts = g_strsplit(operand + strlen(kind->prefix), "/", -1);
	if (g_strv_length(parts) != 2)
		return vmm_fail(error, VMM_ERROR_USAGE, "%s is not %s%s/NAME", operand,
				kind->prefix, kind->store);
	for (char **part = parts; *part; part++)
		if (!is_volume_name(*part))
			return vmm_fail(error, VMM_ERROR_USAGE, "%s: '%s' is not a name of "
					"letters, digits and -_.+", operand, *part);
	if (strstr(parts[1], PART))
		return vmm_fail(error, VMM_ERROR_USAGE, "%s is the name of an unfinished volume",
				operand);

	v->text = g_strdup(operand);
	v->store = g_strdup(parts[0]);
	v->name = g_strdup(parts[1]);
	v->part = part_name(v);

	return true;
}

/* No lock is taken: the answer may be out of date when the caller acts on it. */
bool volume_look(const struct image_job *job, const struct volume *v, struct volume_state *ret,
		 GError **error)
{
	return v->kind->look(job, v, v->name, ret, error);
}

bool volume_look_part(const struct image_job *job, const struct volume *v,
		      struct volume_state *ret, GError **error)
{
	return v->kind->look(job, v, v->part, ret, error);
}

bool volume_room(const struct image_job *job, const struct volume *v, guint64 size, GError **error)
{
	return v->kind->room(job, v, size, error);
}

bool volume_may_make(const struct image_job *job, const struct volume *v, guint64 size,
		     GError **error)
{
	struct volume_state state = { 0 };
	bool is_there;

	if (!volume_look(job, v, &state, error))
		return false;

	is_there = state.is_there;
	volume_state_clear(&state);
	if (!is_there)
		return volume_room(job, v, size, error);

	vmm_fail(error, VMM_ERROR_EXISTS, "%s is there already", v->text);
	vmm_error_set_hint(error, "remove it first, if it is not needed");

	return false;
}

/* Only for a volume with our mark: its maker can only be another run of kvm-image. */
static bool fail_made_now(const struct volume *v, GError **error)
{
	vmm_fail(error, VMM_ERROR_BUSY, "another program makes or removes %s now", v->text);
	vmm_error_set_hint(error, "if none does on any host, remove its %s by hand", v->part);

	return false;
}

/* Its lock on this host, until volume_clear(); it ends with us. */
static bool lock_volume(struct volume *v, GError **error)
{
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, v->text, -1);
	g_autofree char *name = g_strconcat("kvm-image.", sum, NULL);

	if (v->locks)
		return true;

	v->locks = run_directory_open_locks(name, v->lock, error);
	for (int i = 0; i < v->locks; i++)
		if (flock(v->lock[i], LOCK_EX | LOCK_NB) < 0)
			return fail_made_now(v, error);

	return v->locks > 0;
}

/* What a killed run left: its lock, the open volume, ended with it. */
static bool remove_part(const struct image_job *job, const struct volume *v, bool *ret_was_there,
			GError **error)
{
	struct volume_state state = { 0 };
	bool is_free;

	if (!volume_look_part(job, v, &state, error))
		return false;

	*ret_was_there = state.is_there;
	is_free = state.is_ours && !state.in_use;
	volume_state_clear(&state);
	if (!*ret_was_there)
		return true;

	return is_free ? v->kind->remove(job, v, v->part, error) : fail_made_now(v, error);
}

/* What a killed run left is seldom there, and to look for it takes a program. */
static bool make_part(const struct image_job *job, struct volume *v, guint64 size, GError **error)
{
	g_autoptr(GError) cause = NULL;
	bool was_there;

	if (v->kind->makes_once) {
		if (v->kind->make(job, v, size, &cause))
			return true;
		if (!vmm_is(cause, VMM_ERROR_EXISTS))
			return vmm_pass(error, &cause);
	}

	if (!remove_part(job, v, &was_there, error))
		return false;

	return v->kind->make(job, v, size, error);
}

/* Known by its id from here on, whatever has its name later. */
bool volume_begin(const struct image_job *job, struct volume *v, guint64 size, GError **error)
{
	struct volume_state state = { 0 };

	if (!image_tool_check_stopped(v->text, error) || !lock_volume(v, error))
		return false;
	if (!make_part(job, v, size, error))
		return false;
	v->is_made = true;
	if (v->id)
		return true;
	if (!volume_look_part(job, v, &state, error)) {
		v->kind->remove(job, v, v->part, NULL);
		return false;
	}

	v->id = g_steal_pointer(&state.id);
	v->size = state.size;
	volume_state_clear(&state);

	return v->id != NULL || fail_made_now(v, error);
}

/* The volume may be larger than the image: what lies behind is zeroed, too. */
bool volume_fill(struct volume *v, const struct image_copy *copy, GError **error)
{
	if (!v->kind->fill(v, copy, error))
		return false;

	return volume_zero(v, copy->size, error);
}

bool volume_zero(struct volume *v, guint64 start, GError **error)
{
	if (v->is_zero || start >= v->size)
		return true;
	if (!image_tool_check_stopped(v->text, error))
		return false;

	return volume_wipe(v->fd, v->text, start, v->size, error);
}

/* After this it is no longer ours to take back. */
bool volume_publish(const struct image_job *job, struct volume *v, GError **error)
{
	if (!v->kind->publish(job, v, error))
		return false;

	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
	g_clear_pointer(&v->id, g_free);

	return true;
}

/* Without an id there is nothing of ours, or it has been published. */
void volume_abandon(const struct image_job *job, struct volume *v)
{
	g_autoptr(GError) error = NULL;

	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
	if (v->id && !v->kind->remove(job, v, v->part, &error))
		fprintf(stderr, "kvm-image: warning: %s\n", error->message);
	g_clear_pointer(&v->id, g_free);
}

bool volume_grow(const struct image_job *job, struct volume *v, guint64 size, GError **error)
{
	return v->kind->grow(job, v, size, error);
}

/*
 * Looks again until the volume ID is free, or until a program that died can no longer seem to have
 * it open.
 */
static bool look_until_free(const struct image_job *job, const struct volume *v, const char *id,
			    struct volume_state *ret, GError **error)
{
	gint64 until_us = deadline_in_ms((gint64)v->kind->watch_s * MS);

	for (;;) {
		bool is_busy;

		if (!volume_look(job, v, ret, error))
			return false;
		is_busy = ret->in_use && g_strcmp0(ret->id, id) == 0;
		if (!is_busy || !deadline_pause(until_us, PAUSE_MS))
			return true;
		volume_state_clear(ret);
	}
}

static bool fail_absent(const struct volume *v, GError **error)
{
	return vmm_fail(error, VMM_ERROR_NOT_FOUND, "cannot remove %s: it is not there", v->text);
}

/* PART_WAS_THERE: its unfinished form was removed; another volume may have its name by now. */
static bool remove_named(const struct image_job *job, const struct volume *v, const char *id,
			 bool part_was_there, GError **error)
{
	struct volume_state state = { 0 };
	bool is_it;

	if (!look_until_free(job, v, id, &state, error))
		return false;
	is_it = g_strcmp0(state.id, id) == 0;
	volume_state_clear(&state);
	if (is_it && state.in_use)
		return vmm_fail(error, VMM_ERROR_BUSY, "cannot remove %s: another program has it "
				"open, such as a running guest", v->text);
	if (is_it)
		return v->kind->remove(job, v, v->name, error);
	if (part_was_there)
		return true;
	if (!state.is_there)
		return fail_absent(v, error);

	return vmm_fail(error, VMM_ERROR_REFUSED, "cannot remove %s: another volume has its name "
			"by now", v->text);
}

/* A volume that an earlier run began to make or to remove has the name of an unfinished one. */
bool volume_remove(const struct image_job *job, struct volume *v, const char *id, GError **error)
{
	bool was_there;

	if (!lock_volume(v, error))
		return false;
	if (!remove_part(job, v, &was_there, error))
		return false;
	if (id)
		return remove_named(job, v, id, was_there, error);

	return was_there || fail_absent(v, error);
}

bool volume_activate(const struct image_job *job, const struct volume *v, bool on, GError **error)
{
	return !v->kind->activate || v->kind->activate(job, v, on, error);
}

/* An image in a pool has no device here. */
char *volume_part_path(const struct volume *v)
{
	if (v->kind != &volume_lvm)
		return NULL;

	return g_strdup_printf("/dev/%s/%s", v->store, v->part);
}

char *volume_path(const struct volume *v)
{
	if (v->kind != &volume_lvm)
		return NULL;

	return g_strdup_printf("/dev/%s/%s", v->store, v->name);
}

void volume_state_clear(struct volume_state *state)
{
	g_free(state->id);
}

void volume_clear(struct volume *v)
{
	if (v->fd >= 0 && v->kind)
		close(v->fd);
	while (v->locks)
		close(v->lock[--v->locks]);
	g_free(v->text);
	g_free(v->store);
	g_free(v->name);
	g_free(v->part);
	g_free(v->id);
	g_free(v->parent);
}
