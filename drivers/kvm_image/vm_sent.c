/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_sent.h"

#include "base/file.h"

enum { MAX_NOTE = 1 << 20 };

static bool fail_new(const struct vm_contents *c, const char *name, GError **error)
{
	return vmm_fail(error, VMM_ERROR_REFUSED, "%s/%s was made since the VM was copied", c->path,
			name);
}

/* Of a running VM the disks that the action brings are no items: the records have them. */
static bool is_of_move(const VmMove *m, const char *name)
{
	if (vm_move_find(m, name))
		return true;
	for (guint i = 0; m->is_running && i < m->records->len; i++)
		if (disk_record_find(m->records->pdata[i], name))
			return m->state == VM_MOVE_SENDING;

	return false;
}

static bool check_record(const struct vm_contents *c, const VmMove *m,
			 const struct disk_record *r, GError **error)
{
	for (guint i = 0; i < r->entries->len; i++) {
		const struct disk_entry *e = r->entries->pdata[i];
		bool may_be_gone = g_str_equal(e->name, DISK_DOCUMENT) ||
				   (e->next.inode && !e->is.inode);

		if (!may_be_gone && !is_of_move(m, e->name))
			return fail_new(c, e->name, error);
	}

	return true;
}

static bool check_tpm_state(const struct vm_contents *c, const VmMove *m, GError **error)
{
	g_autofree char *path = g_build_filename(c->path, VM_TPM_STATE, NULL);
	g_autoptr(GPtrArray) names = NULL;

	if (!vm_move_find(m, VM_TPM_STATE))
		return fail_new(c, VM_TPM_STATE, error);

	names = vm_contents_names(path, error);
	for (guint i = 0; names && i < names->len; i++) {
		g_autofree char *name = g_build_filename(VM_TPM_STATE, names->pdata[i], NULL);

		if (!vm_move_find(m, name))
			return fail_new(c, name, error);
	}

	return names != NULL;
}

/*
 * Checks the files that OpenNebula and the actions keep there. Those of a running VM the action has
 * copied.
 */
static bool check_files(const struct vm_contents *c, const VmMove *m, GError **error)
{
	if (m->is_running)
		return true;
	for (guint i = 0; i < c->files->len; i++) {
		const char *name = c->files->pdata[i];

		if (!vm_contents_stays_behind(name) && !vm_move_find(m, name))
			return fail_new(c, name, error);
	}

	return !c->has_tpm_state || check_tpm_state(c, m, error);
}

bool vm_sent_has_moved(const char *directory)
{
	g_autofree char *path = g_build_filename(directory, ".vmmexec-migrating", NULL);
	GString *text = file_read(path, MAX_NOTE, NULL);
	bool has_moved = text && g_str_has_prefix(text->str, "moved");

	if (text)
		g_string_free(text, TRUE);

	return has_moved;
}

bool vm_sent_check(const struct vm_contents *c, const VmMove *m, GError **error)
{
	bool must_have_moved = m->is_running && m->state == VM_MOVE_SENDING;

	if (must_have_moved && !vm_sent_has_moved(c->path))
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s: nothing says that the VM has moved "
				"away", c->path);
	for (guint i = 0; i < c->records->len; i++)
		if (!check_record(c, m, c->records->pdata[i], error))
			return false;

	/* Of a copy that came and is taken back, a killed run may have removed some. */
	return check_files(c, m, error) &&
	       vm_move_check_unchanged(m, c->path, m->state == VM_MOVE_RECEIVED, error);
}
