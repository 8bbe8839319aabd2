/* SPDX-License-Identifier: Apache-2.0 */
/* dispose --all: the directory of a VM, with the disks that were made one by one. */
#include "disk_directory.h"
#include "image_commands.h"
#include "vm_contents.h"
#include "vm_move.h"

/* LCM_STATE of a VM that ends, wherever its disks are: docs/facts/images.md 8. */
static const char *const ends[] = { "11", "15", "23", NULL };

/* Of a move that has not ended the destination may have all, and its VM may use them. */
static bool check_volumes(const struct vm_contents *c, const TmplVm *vm, GError **error)
{
	const char *state = tmpl_vm_header(vm, "LCM_STATE");
	g_autoptr(VmMove) m = NULL;

	if (!vm_move_read(c->path, &m, error))
		return false;
	if (!m || m->state != VM_MOVE_SENDING || g_strv_contains(ends, state))
		return true;

	for (guint i = 0; i < m->items->len; i++) {
		const struct vm_item *item = m->items->pdata[i];

		if (item->kind != VM_ITEM_VOLUME || !item->stays)
			continue;
		vmm_fail(error, VMM_ERROR_REFUSED, "%s/%s is a volume that the other host of a "
			 "move sees, too, and the move has not ended: nothing is removed", c->path,
			 item->name);
		vmm_error_set_hint(error, "let the move end; kvm-image keep --move %s, if all of "
				   "VM %s is here", m->id, c->vm);
		return false;
	}

	return true;
}

static bool dispose_locked(struct vm_contents *c, const TmplVm *vm, GError **error)
{
	struct disk_directory directory;
	bool ok = disk_directory_open(&directory, c->path, false, error);

	if (ok)
		ok = check_volumes(c, vm, error) && vm_contents_look(c, error);
	if (ok)
		ok = vm_contents_remove(c, error) && vm_move_forget(c->path, error);
	disk_directory_close(&directory, ok);

	return ok;
}

bool image_dispose_all(struct image_job *job, const char *path, const TmplVm *vm, GError **error)
{
	struct vm_contents c;
	bool ok;

	vm_contents_init(&c, job, path, tmpl_vm_header(vm, "ID"));
	c.context = vm_contents_context(vm);
	ok = job->o->dry_run ? vm_contents_look(&c, error) : dispose_locked(&c, vm, error);
	vm_contents_clear(&c);
	if (ok)
		image_job_say(job, job->o->dry_run ? "would_remove" : "removed", path);

	return ok;
}
