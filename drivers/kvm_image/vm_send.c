/* SPDX-License-Identifier: Apache-2.0 */
/* send --all: the directory of a VM goes to standard output, and stays here. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base_cache.h"
#include "disk_directory.h"
#include "disk_plan.h"
#include "image_commands.h"
#include "image_stream.h"
#include "volume.h"
#include "vm_contents.h"
#include "vm_order.h"
#include "vm_sent.h"
#include "vm_stream.h"

enum { STAT_BLOCK = 512, MAX_EARLIER = 1000 };

/* One call. */
struct vm_sending {
	struct image_job *job;
	struct vm_contents contents;
	VmMove *old;		/* that is noted there; NULL: none */
	VmMove *move;
};

static bool add_file_item(struct vm_sending *s, const char *name, GError **error)
{
	struct vm_item *item = vm_move_add(s->move, VM_ITEM_FILE, name);
	g_autofree char *path = g_build_filename(s->contents.path, name, NULL);
	struct stat st;

	if (!vm_item_look(item, s->contents.path, error))
		return false;
	if (stat(path, &st) < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", path);

	s->move->data += MIN((guint64)st.st_blocks * STAT_BLOCK, item->size);
	if (g_str_has_prefix(name, ".base."))
		item->cache = base_cache_find(s->contents.path, path);

	return true;
}

static bool add_link_item(struct vm_sending *s, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(s->contents.path, name, NULL);
	char *link = g_file_read_link(path, NULL);

	vm_move_add(s->move, VM_ITEM_LINK, name)->link = link;

	return link || vmm_fail_errno(error, errno, "cannot read %s", path);
}

static bool is_link(const struct vm_sending *s, const char *name)
{
	g_autofree char *path = g_build_filename(s->contents.path, name, NULL);

	return g_file_test(path, G_FILE_TEST_IS_SYMLINK);
}

/* What a pool has, all hosts see; of a volume group the front-end has asked. */
static bool add_volume(struct vm_sending *s, const struct disk_entry *e, GError **error)
{
	struct vm_item *item = vm_move_add(s->move, VM_ITEM_VOLUME, e->name);
	struct volume_state state;
	struct volume v;
	bool ok;

	item->link = g_strdup(e->link);
	item->stays = !e->link || s->job->o->seen;
	ok = volume_parse(&v, e->volume, error) && volume_look(s->job, &v, &state, error);
	if (ok) {
		item->size = state.size;
		volume_state_clear(&state);
	}
	volume_clear(&v);

	return ok;
}

/* Files that no guest writes to. The program that moves the running VM copies the rest. */
static bool is_companion(const char *name)
{
	return g_str_has_prefix(name, ".base.") || strstr(name, ".snap.");
}

/* A logical volume that only this host sees, that program does not bring. */
static bool check_running(const struct vm_sending *s, const struct disk_entry *e, GError **error)
{
	bool is_seen = !e->volume || !e->link || s->job->o->seen;

	return is_seen || vmm_fail(error, VMM_ERROR_CONFIG, "%s/%s: the other host does not see "
				   "%s, and VM %s runs", s->contents.path, e->name, e->volume,
				   s->move->vm);
}

static bool add_entry(struct vm_sending *s, const struct disk_removal *r,
		      const struct disk_entry *e, GError **error)
{
	enum disk_found found;
	bool may_be_gone;

	if (!disk_removal_look(r, e, &found, error))
		return false;
	/* A snapshot that was being made or removed. */
	may_be_gone = g_str_equal(e->name, DISK_DOCUMENT) || (e->next.inode && !e->is.inode);
	if (found == DISK_GONE && may_be_gone)
		return true;
	if (found == DISK_GONE)
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "%s/%s, which was made for VM %s, is "
				"gone", r->directory, e->name, r->record->vm);
	if (s->move->is_running && !check_running(s, e, error))
		return false;
	if (e->volume)
		return add_volume(s, e, error);
	if (s->move->is_running && !is_companion(e->name))
		return true;

	return e->link ? add_link_item(s, e->name, error) : add_file_item(s, e->name, error);
}

static bool add_record(struct vm_sending *s, struct disk_record *record, GError **error)
{
	const struct disk_removal r = { s->job, s->contents.path, record, .is_move = true };

	if (!record->is_whole)
		return vmm_fail(error, VMM_ERROR_REFUSED, "the disks in %s are not all there: they "
				"were being made or removed", s->contents.path);
	for (guint i = 0; i < record->entries->len; i++)
		if (!add_entry(s, &r, record->entries->pdata[i], error))
			return false;

	g_ptr_array_add(s->move->records, record);

	return true;
}

static bool add_named(struct vm_sending *s, const char *name, GError **error)
{
	return is_link(s, name) ? add_link_item(s, name, error) : add_file_item(s, name, error);
}

static bool add_tpm_state(struct vm_sending *s, GError **error)
{
	g_autofree char *path = g_build_filename(s->contents.path, VM_TPM_STATE, NULL);
	g_autoptr(GPtrArray) names = vm_contents_names(path, error);
	struct vm_item *item = vm_move_add(s->move, VM_ITEM_DIRECTORY, VM_TPM_STATE);
	struct stat st;

	if (!names)
		return false;
	if (stat(path, &st) < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", path);

	item->mode = st.st_mode & 0777;
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *name = g_build_filename(VM_TPM_STATE, names->pdata[i], NULL);

		if (!add_named(s, name, error))
			return false;
	}

	return true;
}

static bool add_contents(struct vm_sending *s, GError **error)
{
	struct vm_contents *c = &s->contents;

	if (!vm_contents_look(c, error))
		return false;
	for (guint i = 0; i < c->records->len; i++)
		if (!add_record(s, c->records->pdata[i], error))
			return false;

	for (guint i = 0; i < c->files->len; i++) {
		const char *name = c->files->pdata[i];

		if (!vm_contents_stays_behind(name) && !add_named(s, name, error))
			return false;
	}

	return !c->has_tpm_state || add_tpm_state(s, error);
}

/* RET: of a file, or of the device of a volume. */
static int open_item(const struct vm_sending *s, const struct vm_item *item)
{
	g_autofree char *path = g_build_filename(s->contents.path, item->name, NULL);
	const char *from = item->kind == VM_ITEM_VOLUME ? item->link : path;

	return open(from, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static bool send_item(const struct vm_sending *s, const struct vm_item *item, GError **error)
{
	bool has_data = item->kind == VM_ITEM_FILE || item->kind == VM_ITEM_VOLUME;
	bool ok;
	int fd;

	if (!has_data || item->stays)
		return true;

	fd = open_item(s, item);
	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot read %s/%s", s->contents.path,
				      item->name);
	ok = image_stream_write(fd, item->name, item->size, STDOUT_FILENO, error);
	close(fd);

	return ok;
}

static bool send_all(struct vm_sending *s, GError **error)
{
	const char *directory = s->contents.path;

	if (!vm_move_make_mark(directory, s->move->id, error))
		return false;
	if (!vm_move_write(s->move, directory, error))
		return false;
	if (!vm_stream_write_head(s->move, error))
		return false;
	for (guint i = 0; i < s->move->items->len; i++)
		if (!send_item(s, s->move->items->pdata[i], error))
			return false;

	if (!vm_move_check_unchanged(s->move, directory, false, error))
		return false;

	return vm_stream_write_end(error);
}

/*
 * The last moves are enough: a destination has the copy of one of these, or none. After a change
 * here theirs is no copy any more, so what comes back from there must not replace this.
 */
static void note_earlier(struct vm_sending *s)
{
	const VmMove *old = s->old;
	g_autofree char *all = NULL;

	if (!old || old->state != VM_MOVE_SENDING || !vm_sent_check(&s->contents, old, NULL))
		return;

	all = g_strjoin(" ", old->id, old->earlier, NULL);
	s->move->earlier = g_strndup(all, MAX_EARLIER);
}

/* Volumes that the source of the last move has, or has given to nobody yet. */
static bool has_volumes_to_take(const VmMove *old)
{
	bool has = false;

	for (guint i = 0; i < old->items->len; i++) {
		const struct vm_item *item = old->items->pdata[i];

		has |= item->kind == VM_ITEM_VOLUME && item->stays;
	}

	return has && old->state == VM_MOVE_RECEIVED;
}

/* What an earlier move left noted here. */
static bool check_noted(struct vm_sending *s, GError **error)
{
	const char *directory = s->contents.path;
	const VmMove *old;

	if (s->move->is_running && vm_sent_has_moved(directory))
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s: VM %s has moved away from there",
				directory, s->move->vm);
	if (!vm_move_check_here(directory, error) || !vm_move_read(directory, &s->old, error))
		return false;
	old = s->old;
	if (!old)
		return true;
	if (has_volumes_to_take(old))
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s has only a part of VM %s: the last "
				"move has not ended", directory, s->move->vm);

	if (old->state == VM_MOVE_RECEIVED)
		s->move->was = g_strdup(old->id);
	else
		s->move->was = g_strdup(old->was);

	return true;
}

static bool send_locked(struct vm_sending *s, GError **error)
{
	if (!check_noted(s, error))
		return false;
	if (!add_contents(s, error))
		return false;

	note_earlier(s);

	return send_all(s, error);
}

bool image_send_all(struct image_job *job, GError **error)
{
	struct vm_sending s = { .job = job };
	struct disk_directory directory;
	struct vm_order order;
	bool ok;

	if (!vm_order_load_move(&order, job, error)) {
		vm_order_clear(&order);
		return false;
	}

	s.move = vm_move_new(order.vm, order.id);
	s.move->context = g_strdup(order.context);
	s.move->is_running = job->o->running;
	vm_contents_init(&s.contents, job, order.directory, order.vm);
	s.contents.context = g_strdup(order.context);
	s.contents.is_move = true;
	s.contents.may_run = job->o->running;
	ok = disk_directory_open(&directory, order.directory, false, error) &&
	     send_locked(&s, error);
	disk_directory_close(&directory, false);
	g_ptr_array_set_size(s.move->records, 0);	/* those of the contents */
	vm_contents_clear(&s.contents);
	vm_move_free(s.old);
	vm_move_free(s.move);
	vm_order_clear(&order);

	return ok;
}
