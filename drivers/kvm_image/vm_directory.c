/* SPDX-License-Identifier: Apache-2.0 */
/* dispose --all: the directory of a VM, with the disks that were made one by one. */
#include "disk_directory.h"
#include "image_commands.h"
#include "vm_contents.h"
#include "vm_move.h"

static bool dispose_locked(struct vm_contents *c, GError **error)
{
	struct disk_directory directory;
	bool ok = disk_directory_open(&directory, c->path, false, error);

	if (ok)
		ok = vm_contents_look(c, error);
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
	ok = job->o->dry_run ? vm_contents_look(&c, error) : dispose_locked(&c, error);
	vm_contents_clear(&c);
	if (ok)
		image_job_say(job, job->o->dry_run ? "would_remove" : "removed", path);

	return ok;
}
