/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_removal.h"

#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "disk_volume.h"
#include "vm_move.h"

static bool fail_other(const struct disk_removal *r, const struct disk_entry *e, GError **error)
{
	const char *done = r->is_move ? "moved" : "removed";

	vmm_fail(error, VMM_ERROR_REFUSED, "%s/%s is not what was made for VM %s: nothing is %s",
		 r->directory, e->name, r->record->vm, done);
	vmm_error_set_hint(error, "move it away, or remove it, if it is no longer needed");

	return false;
}

/*
 * Others may write vm.xml anew: then it is theirs. In an unfinished record a disk may never have
 * been there: another file in its place is not ours either.
 */
static bool is_left(const struct disk_removal *r, const struct disk_entry *e, enum disk_found found)
{
	bool is_theirs = g_str_equal(e->name, DISK_DOCUMENT) || !r->record->is_whole;

	return found == DISK_GONE || (found == DISK_OTHER && is_theirs);
}

bool disk_removal_look(const struct disk_removal *r, const struct disk_entry *e,
		       enum disk_found *ret, GError **error)
{
	enum disk_found volume = DISK_GONE;

	*ret = disk_record_look(e, r->directory);
	if (e->volume && !disk_volume_look(r->job, e, &volume, error))
		return false;
	if (volume != DISK_GONE && *ret != DISK_OTHER)
		*ret = volume;

	return true;
}

static bool fail_busy(const struct disk_removal *r, const struct disk_entry *e, GError **error)
{
	const char *verb = r->is_move ? "move" : "remove";

	return vmm_fail(error, VMM_ERROR_BUSY, "cannot %s %s/%s: another program has it open, such "
			"as a running guest", verb, r->directory, e->name);
}

/* SENT: the move by which the directory is left; NULL: none. */
static bool is_given(const VmMove *sent, const struct disk_entry *e)
{
	const struct vm_item *item = sent && e->volume ? vm_move_find(sent, e->name) : NULL;

	return item && item->stays;
}

static bool read_sent(const struct disk_removal *r, VmMove **ret, GError **error)
{
	if (!vm_move_read(r->directory, ret, error))
		return false;
	if (*ret && (*ret)->state != VM_MOVE_SENT)
		g_clear_pointer(ret, vm_move_free);

	return true;
}

bool disk_removal_check(const struct disk_removal *r, GError **error)
{
	g_autoptr(VmMove) sent = NULL;

	if (!read_sent(r, &sent, error))
		return false;
	for (guint i = 0; i < r->record->entries->len; i++) {
		const struct disk_entry *e = r->record->entries->pdata[i];
		enum disk_found found;
		bool may_be_busy;

		if (is_given(sent, e))
			continue;
		if (!disk_removal_look(r, e, &found, error))
			return false;
		may_be_busy = r->may_run || (r->gives_volumes && e->volume);
		if (found == DISK_BUSY && !may_be_busy)
			return fail_busy(r, e, error);
		if (found == DISK_OTHER && !is_left(r, e, found))
			return fail_other(r, e, error);
	}

	return true;
}

static bool remove_entry(const struct disk_removal *r, const VmMove *sent,
			 const struct disk_entry *e, GError **error)
{
	g_autofree char *path = g_build_filename(r->directory, e->name, NULL);
	enum disk_found found = disk_record_look(e, r->directory);
	enum disk_found volume = DISK_GONE;

	if (!is_left(r, e, found) && found != DISK_OURS)
		return fail_other(r, e, error);
	if (found == DISK_OURS && unlink(path) < 0 && errno != ENOENT)
		return vmm_fail_errno(error, errno, "cannot remove %s", path);
	if (is_given(sent, e))
		return true;
	if (e->volume && !disk_volume_look(r->job, e, &volume, error))
		return false;
	if (is_left(r, e, volume))
		return true;

	return volume == DISK_OURS ? disk_volume_remove(r->job, e, error) : fail_other(r, e, error);
}

bool disk_removal_run(const struct disk_removal *r, GError **error)
{
	g_autoptr(VmMove) sent = NULL;

	if (!disk_removal_check(r, error) || !read_sent(r, &sent, error))
		return false;
	r->record->is_whole = false;
	if (!disk_record_write(r->record, r->directory, error))
		return false;

	for (guint i = 0; i < r->record->entries->len; i++)
		if (!remove_entry(r, sent, r->record->entries->pdata[i], error))
			return false;

	if (!file_sync_directory(r->directory, error))
		return false;

	return disk_record_remove(r->record, r->directory, error);
}
