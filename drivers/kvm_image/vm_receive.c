/* SPDX-License-Identifier: Apache-2.0 */
/* receive --all: makes the directory of a VM of what send --all writes, whole or not at all. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base_cache.h"
#include "disk_directory.h"
#include "disk_volume.h"
#include "image_commands.h"
#include "vm_contents.h"
#include "vm_received.h"
#include "vm_sent.h"
#include "vm_stream.h"

/* One call. */
struct vm_receiving {
	struct image_job *job;
	char *path;
	VmMove *move;		/* as the source says it */
	struct disk_directory directory;
	GArray *received;	/* of struct vm_received */
	GPtrArray *records;	/* ours, of struct disk_record */
	bool is_noted;
};

/* ENTRY of one of the source's records, and the number of that; NULL: no record has NAME. */
static const struct disk_entry *find_entry(const VmMove *m, const char *name, guint *ret_record)
{
	for (guint i = 0; i < m->records->len; i++) {
		const struct disk_entry *e = disk_record_find(m->records->pdata[i], name);

		if (!e)
			continue;
		*ret_record = i;
		return e;
	}

	return NULL;
}

static bool fail_received(const struct vm_receiving *r, const char *name, GError **error)
{
	return vmm_fail(error, VMM_ERROR_INPUT, "cannot make %s/%s: no directory of a VM has that",
			r->path, name);
}

/* A record from another host could claim another VM's volume for this VM. */
static bool check_volumes(const struct vm_receiving *r, const struct disk_record *record,
			  GError **error)
{
	for (guint i = 0; i < record->entries->len; i++) {
		const struct disk_entry *e = record->entries->pdata[i];

		if (e->volume && !disk_volume_is_of(e, record->vm))
			return vmm_fail(error, VMM_ERROR_INPUT, "cannot make %s/%s: %s is no "
					"volume of VM %s", r->path, e->name, e->volume,
					record->vm);
	}

	return true;
}

static bool check_item(const struct vm_receiving *r, const struct vm_item *item, GError **error)
{
	bool is_state = g_str_equal(item->name, VM_TPM_STATE);
	const struct disk_entry *e;
	guint record;

	if (!vm_contents_may_have(item->name, r->move->context))
		return fail_received(r, item->name, error);
	/* A file that describes the source would then describe this host. */
	if (vm_contents_stays_behind(item->name))
		return fail_received(r, item->name, error);
	if (is_state != (item->kind == VM_ITEM_DIRECTORY))
		return fail_received(r, item->name, error);
	if (item->kind != VM_ITEM_VOLUME)
		return true;

	e = find_entry(r->move, item->name, &record);

	return (e && e->volume && !g_strcmp0(e->link, item->link)) ||
	       fail_received(r, item->name, error);
}

/* "disk.4", as vm_contents_context() says it: any other name would be one that it may have. */
static bool is_medium(const char *name)
{
	return g_str_has_prefix(name, "disk.") && text_is_digits(name + strlen("disk."));
}

/* Names that lead elsewhere, or that we do not give, are not made. */
static bool check_move(const struct vm_receiving *r, GError **error)
{
	const VmMove *m = r->move;

	if (!g_str_equal(m->vm, r->job->o->vm))
		return vmm_fail(error, VMM_ERROR_REFUSED, "VM %s is received, not VM %s", m->vm,
				r->job->o->vm);
	if (!g_uuid_string_is_valid(m->id))
		return fail_received(r, m->id, error);
	if (m->context && !is_medium(m->context))
		return fail_received(r, m->context, error);
	for (guint i = 0; i < m->records->len; i++)
		if (!check_volumes(r, m->records->pdata[i], error))
			return false;

	for (guint i = 0; i < m->items->len; i++)
		if (!check_item(r, m->items->pdata[i], error))
			return false;

	return true;
}

static bool is_same_directory(const struct vm_receiving *r, bool *ret, GError **error)
{
	return vm_move_has_mark(r->path, r->move->id, ret, error);
}

static bool fail_there(const struct vm_receiving *r, GError **error)
{
	vmm_fail(error, VMM_ERROR_EXISTS, "%s has disks of VM %s already, and nothing says that "
		 "they are an older copy", r->path, r->move->vm);
	vmm_error_set_hint(error, "kvm-image dispose --all on this host, if they are not needed");

	return false;
}

/* Whether the source got all from where OLD is noted. */
static bool came_from(const struct vm_receiving *r, const VmMove *old)
{
	const char *was = r->move->was;

	/* The text comes from another host: only a whole id can be one of ours. */
	if (!was)
		return false;
	if (!g_uuid_string_is_valid(was))
		return false;

	return g_str_equal(old->id, was) || (old->earlier && strstr(old->earlier, was));
}

/* Whether the copy of a volume was sent: a volume has no time of its last change. */
static bool has_copied_volume(const VmMove *m)
{
	bool has = false;

	for (guint i = 0; i < m->items->len; i++) {
		const struct vm_item *item = m->items->pdata[i];

		has |= item->kind == VM_ITEM_VOLUME && !item->stays;
	}

	return has;
}

/* Checks the directory that all of this came from, before what comes back replaces it. */
static bool check_old_source(const struct vm_receiving *r, const struct vm_contents *c,
			     const VmMove *old, GError **error)
{
	if (!came_from(r, old) || has_copied_volume(old))
		return fail_there(r, error);

	return vm_sent_check(c, old, error);
}

/* Whether what the directory has of VM may go: another place has all of it, and newer. */
static bool check_older(const struct vm_receiving *r, const struct vm_contents *c,
			const VmMove *old, GError **error)
{
	if (!old)
		return fail_there(r, error);

	switch (old->state) {
	case VM_MOVE_SENT:
	case VM_MOVE_RECEIVING:
		return true;
	case VM_MOVE_RECEIVED:
		return vm_sent_check(c, old, error);
	default:
		return check_old_source(r, c, old, error);
	}
}

/* From now on what is there is a part, whenever we are killed. */
static bool note_part(const struct vm_receiving *r, GError **error)
{
	g_autoptr(VmMove) note = vm_move_new(r->move->vm, r->move->id);

	note->state = VM_MOVE_RECEIVING;
	note->is_running = r->move->is_running;

	return vm_move_write(note, r->path, error);
}

/* A source's note says which volumes are no longer its own: it stays until they are left. */
static bool note_older(const struct vm_receiving *r, VmMove *old, GError **error)
{
	if (old->state == VM_MOVE_RECEIVED)
		return note_part(r, error);
	if (old->state != VM_MOVE_SENDING)
		return true;

	old->state = VM_MOVE_SENT;

	return vm_move_write(old, r->path, error);
}

static bool remove_older(const struct vm_receiving *r, struct vm_contents *c, VmMove *old,
			 GError **error)
{
	return check_older(r, c, old, error) && note_older(r, old, error) &&
	       vm_contents_remove(c, error);
}

/* Removes what the directory has of an earlier move. */
static bool make_way(struct vm_receiving *r, GError **error)
{
	g_autoptr(VmMove) old = NULL;
	struct vm_contents c;
	bool ok;

	vm_contents_init(&c, r->job, r->path, r->move->vm);
	c.context = g_strdup(r->move->context);
	ok = vm_move_read(r->path, &old, error);
	if (ok && old && old->state == VM_MOVE_RECEIVED)
		c.came = old;
	ok = ok && vm_contents_look(&c, error);
	if (ok && (old || c.records->len))
		ok = remove_older(r, &c, old, error);
	vm_contents_clear(&c);

	return ok;
}

static bool check_room_for_all(const struct vm_receiving *r, GError **error)
{
	g_autofree char *inside = g_build_filename(r->path, "x", NULL);
	guint64 room;

	if (!image_file_room(inside, &room, error))
		return false;
	if (r->move->data <= room)
		return true;

	return vmm_fail(error, VMM_ERROR_NO_SPACE, "cannot move VM %s to %s: it needs %"
			G_GUINT64_FORMAT " bytes, and %" G_GUINT64_FORMAT " are free", r->move->vm,
			r->path, r->move->data, room);
}

static bool write_items(struct vm_receiving *r, GError **error)
{
	for (guint i = 0; i < r->move->items->len; i++) {
		const struct vm_item *item = r->move->items->pdata[i];
		const struct disk_entry *e;
		guint record;

		e = find_entry(r->move, item->name, &record);
		g_array_set_size(r->received, i + 1);
		if (!vm_received_write(&g_array_index(r->received, struct vm_received, i), r->job,
				       item, r->path, e, error))
			return false;
	}

	return vm_stream_read_end(error);
}

/* One for each record of the source, whose file's names are those that were received. */
static void begin_records(struct vm_receiving *r)
{
	for (guint i = 0; i < r->move->records->len; i++) {
		const struct disk_record *from = r->move->records->pdata[i];
		struct disk_record *record = disk_record_new(from->vm, from->disk);

		record->made_directory = from->made_directory;
		g_ptr_array_add(r->records, record);
	}
}

static bool write_records(const struct vm_receiving *r, bool is_whole, GError **error)
{
	for (guint i = 0; i < r->records->len; i++) {
		struct disk_record *record = r->records->pdata[i];

		record->is_whole = is_whole;
		if (!disk_record_write(record, r->path, error))
			return false;
	}

	return true;
}

static bool record_items(struct vm_receiving *r, GError **error)
{
	begin_records(r);
	for (guint i = 0; i < r->received->len; i++) {
		const struct vm_received *one = &g_array_index(r->received, struct vm_received, i);
		const struct disk_entry *e;
		guint record;

		e = find_entry(r->move, one->item->name, &record);
		/* Until the source has given it, nothing here may remove it. */
		if (vm_received_is_given(one))
			continue;
		if (e && !vm_received_record(one, e, r->records->pdata[record], error))
			return false;
	}

	return write_records(r, false, error);
}

/* The directory, and its name in those above, which may be new. */
static bool sync_places(const struct vm_receiving *r, GError **error)
{
	g_autofree char *datastore = g_path_get_dirname(r->path);
	g_autofree char *above = g_path_get_dirname(datastore);
	g_autofree char *state = g_build_filename(r->path, VM_TPM_STATE, NULL);

	if (vm_move_find(r->move, VM_TPM_STATE) && !file_sync_directory(state, error))
		return false;

	return file_sync_directory(r->path, error) && file_sync_directory(datastore, error) &&
	       file_sync_directory(above, error);
}

static bool publish_items(struct vm_receiving *r, GError **error)
{
	for (guint i = 0; i < r->received->len; i++)
		if (!vm_received_publish(&g_array_index(r->received, struct vm_received, i),
					 r->job, error))
			return false;

	if (!sync_places(r, error))
		return false;

	return write_records(r, true, error);
}

/* What is noted: the files as they are here, and a mark by which the source knows the place. */
static bool note_all(struct vm_receiving *r, GError **error)
{
	g_autoptr(VmMove) note = vm_move_new(r->move->vm, r->move->id);

	note->state = VM_MOVE_RECEIVED;
	note->token = g_uuid_string_random();
	note->is_running = r->move->is_running;
	for (guint i = 0; i < r->move->items->len; i++) {
		const struct vm_item *item = r->move->items->pdata[i];
		struct vm_item *own = vm_move_add(note, item->kind, item->name);

		own->link = g_strdup(item->link);
		own->stays = item->stays;
		if (item->kind == VM_ITEM_FILE && !vm_item_look(own, r->path, error))
			return false;
	}

	/* adopt reads here what else has to arrive, and keep which volumes it takes. */
	g_ptr_array_extend_and_steal(note->records, g_steal_pointer(&r->move->records));
	if (!vm_move_make_mark(r->path, note->token, error))
		return false;
	if (!vm_move_write(note, r->path, error))
		return false;

	image_job_say(r->job, "move", note->id);
	image_job_say(r->job, "token", note->token);

	return true;
}

/* Nothing else would say where a killed run left unfinished volumes. */
static bool announce_volumes(const struct vm_receiving *r, const struct disk_record *from,
			     GError **error)
{
	struct disk_record *record = disk_record_new(from->vm, from->disk);
	bool ok = true;

	for (guint i = 0; i < from->entries->len; i++) {
		const struct disk_entry *e = from->entries->pdata[i];
		const struct vm_item *item = vm_move_find(r->move, e->name);
		struct disk_entry unfinished = *e;

		unfinished.id = NULL;
		if (e->volume && item && !item->stays)
			disk_record_add_volume(record, &unfinished);
	}

	if (record->entries->len)
		ok = disk_record_write(record, r->path, error);
	disk_record_free(record);

	return ok;
}

static bool announce(const struct vm_receiving *r, GError **error)
{
	for (guint i = 0; i < r->move->records->len; i++)
		if (!announce_volumes(r, r->move->records->pdata[i], error))
			return false;

	return true;
}

static bool receive(struct vm_receiving *r, GError **error)
{
	if (!make_way(r, error))
		return false;
	if (!check_room_for_all(r, error))
		return false;
	r->is_noted = note_part(r, error);
	if (!r->is_noted)
		return false;
	if (!announce(r, error))
		return false;
	if (!write_items(r, error))
		return false;
	if (!record_items(r, error))
		return false;

	if (!publish_items(r, error))
		return false;

	return note_all(r, error);
}

static void drop_unfinished(struct vm_receiving *r)
{
	for (guint i = 0; i < r->received->len; i++)
		vm_received_clear(&g_array_index(r->received, struct vm_received, i), r->job);
	g_array_set_size(r->received, 0);
}

/* What cannot be undone now, the next run removes: the note stays. */
static void undo_received(struct vm_receiving *r)
{
	g_autoptr(GError) error = NULL;
	struct vm_contents c;
	bool ok;

	vm_contents_init(&c, r->job, r->path, r->move->vm);
	c.context = g_strdup(r->move->context);
	ok = vm_contents_look(&c, &error);
	/* What OpenNebula had there before stays. */
	if (!r->directory.is_new)
		vm_contents_keep_files(&c);
	ok = ok && vm_contents_remove(&c, &error) && vm_move_forget(r->path, &error);
	vm_contents_clear(&c);
	if (!ok)
		fprintf(stderr, "kvm-image: warning: %s\n", error->message);
}

/* A datastore that this host has not seen yet is made. */
static bool receive_locked(struct vm_receiving *r, GError **error)
{
	g_autofree char *datastore = g_path_get_dirname(r->path);
	bool ok = file_make_directory(datastore, error) &&
		  disk_directory_open(&r->directory, r->path, true, error);

	if (ok)
		ok = receive(r, error);
	drop_unfinished(r);
	if (!ok && r->is_noted)
		undo_received(r);
	disk_directory_close(&r->directory, !ok && r->directory.is_new);
	base_cache_clean(r->path);

	return ok;
}

/* Where a file system is not mounted now, a copy below it would be out of sight later. */
static bool fail_not_shared(const struct vm_receiving *r, GError **error)
{
	vmm_fail(error, VMM_ERROR_CONFIG, "%s here is not the directory of the other host, as its "
		 "datastore is SHARED: nothing is moved", r->path);
	vmm_error_set_hint(error, "is its file system mounted on both hosts?");

	return false;
}

static bool receive_move(struct vm_receiving *r, GError **error)
{
	bool is_same;

	if (!check_move(r, error) || !is_same_directory(r, &is_same, error))
		return false;
	if (!is_same && r->job->o->shared)
		return fail_not_shared(r, error);
	if (!is_same)
		return receive_locked(r, error);

	image_job_say(r->job, "shared", r->path);

	return true;
}

static void free_record(void *data)
{
	disk_record_free(data);
}

bool image_receive_all(struct image_job *job, GError **error)
{
	struct vm_receiving r = { .job = job, .directory = { .lock = -1 } };
	bool ok;

	if (!job->o->directory || !job->o->vm)
		return vmm_fail(error, VMM_ERROR_USAGE, "--all needs --directory and --vm");

	r.path = image_job_path(job->o->directory);
	r.received = g_array_new(FALSE, TRUE, sizeof(struct vm_received));
	r.records = g_ptr_array_new_with_free_func(free_record);
	r.move = vm_stream_read_head(error);
	ok = r.move && receive_move(&r, error);
	g_array_unref(r.received);
	g_ptr_array_unref(r.records);
	vm_move_free(r.move);
	g_free(r.path);

	return ok;
}
