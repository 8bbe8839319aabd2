/* SPDX-License-Identifier: Apache-2.0 */
/* state, leave and keep: how far a move has come here, and its end on both sides. */
#include <errno.h>
#include <unistd.h>

#include "base_cache.h"
#include "disk_directory.h"
#include "disk_volume.h"
#include "image_commands.h"
#include "vm_contents.h"
#include "vm_move.h"
#include "vm_order.h"
#include "vm_sent.h"

static const char *word_of(const VmMove *m)
{
	static const char *const words[] = { "sending", "sent", "receiving", "received" };

	return words[m->state];
}

/* "lvm:GROUP/NAME=ID,…" of the volumes that are devices, or of the others; the caller frees. */
static char *volumes_of(const struct vm_contents *c, bool is_device)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < c->records->len; i++) {
		const struct disk_record *r = c->records->pdata[i];

		for (guint j = 0; j < r->entries->len; j++) {
			const struct disk_entry *e = r->entries->pdata[j];

			if (!e->volume || !e->id || is_device != (e->link != NULL))
				continue;
			if (text->len)
				g_string_append_c(text, ',');
			g_string_append_printf(text, "%s=%s", e->volume, e->id);
		}
	}

	return g_string_free(text, FALSE);
}

/* What no move is noted of: all there is, or disks that were being made or removed. */
static const char *word_of_contents(const struct vm_contents *c)
{
	if (!c->records->len && !c->files->len && !c->has_tpm_state)
		return "none";
	for (guint i = 0; i < c->records->len; i++)
		if (!((const struct disk_record *)c->records->pdata[i])->is_whole)
			return "unfinished";

	return "whole";
}

/* MOVE: what is noted of one; NULL: none. */
static bool say_contents(struct image_job *job, const struct vm_order *order, const VmMove *move,
			 GError **error)
{
	g_autofree char *volumes = NULL, *pooled = NULL;
	struct vm_contents c;
	bool ok;

	vm_contents_init(&c, job, order->directory, order->vm);
	c.context = g_strdup(order->context);
	c.is_move = true;
	c.may_run = job->o->running;
	ok = vm_contents_look(&c, error);
	if (ok) {
		volumes = volumes_of(&c, true);
		pooled = volumes_of(&c, false);
		if (!move)
			image_job_say(job, "state", word_of_contents(&c));
		image_job_say(job, "volumes", volumes);
		image_job_say(job, "pooled", pooled);
	}
	vm_contents_clear(&c);

	return ok;
}

/* How many of "VOLUME=ID,…" this host sees. */
static bool count_seen(struct image_job *job, char **volumes, guint *ret, GError **error)
{
	*ret = 0;
	for (char **v = volumes; *v; v++) {
		char *id = strrchr(*v, '=');
		struct disk_entry e = { .name = *v, .volume = *v };
		enum disk_found found;

		if (!id)
			return vmm_fail(error, VMM_ERROR_USAGE, "--volumes: '%s' is not "
					"VOLUME=ID", *v);
		*id = '\0';
		e.id = id + 1;
		if (!disk_volume_look_whole(job, &e, &found, error))
			return false;
		*ret += found == DISK_OURS || found == DISK_BUSY;
	}

	return true;
}

static bool say_seen(struct image_job *job, GError **error)
{
	g_auto(GStrv) volumes = NULL;
	const char *word = "some";
	guint seen;

	volumes = g_strsplit(job->o->volumes, ",", -1);
	if (!count_seen(job, volumes, &seen, error))
		return false;
	if (!seen)
		word = "none";
	else if (seen == g_strv_length(volumes))
		word = "all";
	image_job_say(job, "sees", word);

	return true;
}

static void say_move(struct image_job *job, const char *directory, const VmMove *move)
{
	image_job_say(job, "state", word_of(move));
	image_job_say(job, "move", move->id);
	if (move->token)
		image_job_say(job, "token", move->token);
	if (move->is_running && vm_sent_has_moved(directory))
		image_job_say(job, "moved", directory);
}

static bool say_state(struct image_job *job, const struct vm_order *order, GError **error)
{
	g_autoptr(VmMove) move = NULL;
	bool is_whole;

	if (access(order->directory, F_OK) < 0 && errno == ENOENT) {
		image_job_say(job, "state", "none");
		return true;
	}

	if (!vm_move_read(order->directory, &move, error))
		return false;
	is_whole = !move || move->state == VM_MOVE_SENDING || move->state == VM_MOVE_RECEIVED;
	if (is_whole && !say_contents(job, order, move, error))
		return false;
	if (move)
		say_move(job, order->directory, move);

	return true;
}

bool image_state(struct image_job *job, GError **error)
{
	struct vm_order order;
	bool ok = vm_order_load(&order, job, error);

	if (ok && job->o->volumes)
		ok = say_seen(job, error);
	else if (ok)
		ok = say_state(job, &order, error);
	vm_order_clear(&order);

	return ok;
}

/* From now on it is the other host's: the note that this was sent keeps it from being removed. */
static bool give_volumes(const struct vm_contents *c, const VmMove *m, GError **error)
{
	for (guint i = 0; i < c->records->len; i++) {
		const struct disk_record *r = c->records->pdata[i];

		for (guint j = 0; j < r->entries->len; j++) {
			const struct disk_entry *e = r->entries->pdata[j];
			const struct vm_item *item = vm_move_find(m, e->name);
			bool is_given = e->volume && item && item->stays;

			if (is_given && !disk_volume_activate(c->job, e, false, error))
				return false;
		}
	}

	return true;
}

static bool empty(struct vm_contents *c, const VmMove *m, GError **error)
{
	return give_volumes(c, m, error) && vm_contents_remove(c, error) &&
	       vm_move_forget(c->path, error);
}

/* Only what was sent, and not touched since, is what the destination has. */
static bool mark_sent(const struct vm_contents *c, VmMove *m, GError **error)
{
	if (m->state == VM_MOVE_SENT)
		return true;
	if (!vm_sent_check(c, m, error))
		return false;

	m->state = VM_MOVE_SENT;

	return vm_move_write(m, c->path, error);
}

static bool fail_move(const struct vm_order *order, GError **error)
{
	return vmm_fail(error, VMM_ERROR_REFUSED, "%s: no move %s of VM %s ends here",
			order->directory, order->id, order->vm);
}

static bool is_source_of(const VmMove *m, const struct vm_order *order)
{
	bool is_source = m && (m->state == VM_MOVE_SENDING || m->state == VM_MOVE_SENT);

	return is_source && g_str_equal(m->id, order->id) && g_str_equal(m->vm, order->vm);
}

/* The mark that the destination made: seen here, both are one directory. */
static bool check_not_one(struct image_job *job, const struct vm_order *order, GError **error)
{
	bool is_one;

	if (!vm_move_has_mark(order->directory, job->o->token, &is_one, error))
		return false;
	if (!is_one)
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "%s is the destination, too: nothing is removed",
			order->directory);
}

/* Nothing is there but our lock; false also when it cannot be read. */
static bool is_left(const char *directory)
{
	g_autoptr(GPtrArray) names = vm_contents_names(directory, NULL);

	return names && names->len == 1 && g_str_equal(names->pdata[0], DISK_DIRECTORY_LOCK);
}

static bool leave_locked(struct image_job *job, const struct vm_order *order, GError **error)
{
	g_autoptr(VmMove) move = NULL;
	struct vm_contents c;
	bool ok;

	if (!vm_move_read(order->directory, &move, error))
		return false;
	/* One that was killed had nothing left to do but to remove the directory. */
	if (!move && is_left(order->directory))
		return true;
	if (!is_source_of(move, order))
		return fail_move(order, error);
	if (!check_not_one(job, order, error))
		return false;

	vm_contents_init(&c, job, order->directory, order->vm);
	c.context = g_strdup(order->context);
	c.is_move = c.gives_volumes = true;
	ok = vm_contents_look(&c, error) && mark_sent(&c, move, error) &&
	     empty(&c, move, error);
	vm_contents_clear(&c);

	return ok;
}

static bool leave(struct image_job *job, const struct vm_order *order, GError **error)
{
	struct disk_directory directory;
	bool ok;

	if (!job->o->token || !g_uuid_string_is_valid(job->o->token))
		return vmm_fail(error, VMM_ERROR_USAGE, "--token is missing, or not a UUID");
	if (access(order->directory, F_OK) < 0 && errno == ENOENT) {
		image_job_say(job, "nothing_in", order->directory);
		return true;
	}

	ok = disk_directory_open(&directory, order->directory, false, error) &&
	     leave_locked(job, order, error);
	disk_directory_close(&directory, ok);
	base_cache_clean(order->directory);
	if (ok)
		image_job_say(job, "left", order->directory);

	return ok;
}

bool image_leave(struct image_job *job, GError **error)
{
	struct vm_order order;
	bool ok = vm_order_load_move(&order, job, error) && leave(job, &order, error);

	vm_order_clear(&order);

	return ok;
}

/* Its link may be there: of a killed run, or of the action that moved the running VM. */
static bool link_volume(const char *directory, const struct disk_entry *e, GError **error)
{
	g_autofree char *path = g_build_filename(directory, e->name, NULL);

	if (!e->link || symlink(e->link, path) == 0)
		return true;
	if (errno == EEXIST && disk_record_look(e, directory) == DISK_OURS)
		return true;

	return vmm_fail_errno(error, EEXIST, "cannot make %s", path);
}

/* The volumes that both hosts see, of FROM as the source had it, are ours from now on. */
static bool take_volumes(const char *directory, const VmMove *m, const struct disk_record *from,
			 GError **error)
{
	struct disk_record *record;
	bool ok = disk_record_read(directory, from->disk, &record, error);

	for (guint i = 0; ok && record && i < from->entries->len; i++) {
		const struct disk_entry *e = from->entries->pdata[i];
		const struct vm_item *item = vm_move_find(m, e->name);

		if (!e->volume || !item || !item->stays)
			continue;
		disk_record_add_volume(record, e);
		ok = link_volume(directory, e, error);
	}

	if (ok && record)
		ok = disk_record_write(record, directory, error);
	disk_record_free(record);

	return ok;
}

/* A source that turned out to be the destination, too, has all as before. */
static bool keep_move(const char *directory, const VmMove *m, GError **error)
{
	for (guint i = 0; m->state == VM_MOVE_RECEIVED && i < m->records->len; i++)
		if (!take_volumes(directory, m, m->records->pdata[i], error))
			return false;

	return vm_move_forget(directory, error);
}

static bool keep_locked(const struct vm_order *order, GError **error)
{
	g_autoptr(VmMove) move = NULL;
	bool is_whole;

	if (!vm_move_read(order->directory, &move, error))
		return false;
	if (!move)
		return true;

	is_whole = move->state == VM_MOVE_RECEIVED || move->state == VM_MOVE_SENDING;
	if (!is_whole || !g_str_equal(move->id, order->id))
		return fail_move(order, error);

	return keep_move(order->directory, move, error);
}

bool image_keep(struct image_job *job, GError **error)
{
	struct vm_order order;
	struct disk_directory directory = { .lock = -1 };
	bool ok = vm_order_load_move(&order, job, error) &&
		  disk_directory_open(&directory, order.directory, false, error) &&
		  keep_locked(&order, error);

	disk_directory_close(&directory, false);
	if (ok)
		image_job_say(job, "kept", order.directory);
	vm_order_clear(&order);

	return ok;
}
