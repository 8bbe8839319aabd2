/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/checkpoint_stored.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "vm/checkpoint_use.h"

enum { RECENT_S = 600, SLACK_S = 1, MAX_NOTE = 4096 };

static char *note_path(const char *file)
{
	g_autofree char *dir = g_path_get_dirname(file), *base = g_path_get_basename(file);

	return g_strdup_printf("%s/.%s.storing", dir, base);
}

static char *note_of(const char *deploy_id, const char *vm_id)
{
	return g_strdup_printf("%s\n%s\n", deploy_id, text_or(vm_id, ""));
}

bool checkpoint_stored_begin(const char *file, const char *deploy_id, const char *vm_id,
			     GError **error)
{
	g_autofree char *path = note_path(file), *note = note_of(deploy_id, vm_id);

	return file_write(path, note, strlen(note), 0600, error);
}

void checkpoint_stored_forget(const char *file)
{
	g_autofree char *path = note_path(file);

	if (unlink(path) < 0 && errno != ENOENT)
		action_log("WARN", "cannot remove %s: %s", path, g_strerror(errno));
}

bool checkpoint_stored_is(const char *file, const char *deploy_id, const char *vm_id,
			  gint64 age_s)
{
	g_autofree char *path = note_path(file), *note = note_of(deploy_id, vm_id);
	g_autoptr(GString) text = file_read(path, MAX_NOTE, NULL);
	gint64 within_s = age_s < 0 ? RECENT_S : age_s + SLACK_S;
	struct stat st;

	if (!text || !g_str_equal(text->str, note))
		return false;
	if (lstat(file, &st) == 0 || errno != ENOENT)
		return false;
	if (checkpoint_use_has(file))	/* a restore has renamed it, nobody has moved it */
		return false;
	if (lstat(path, &st) < 0)
		return false;

	return st.st_mtime >= time(NULL) - within_s;
}

void checkpoint_stored_warn_unused(const char *directory)
{
	g_autofree char *file = g_build_filename(directory, "checkpoint", NULL);
	g_autofree char *path = note_path(file);

	if (access(path, F_OK) < 0)
		return;
	if (access(file, F_OK) < 0)
		action_log("WARN", "the VM runs from its disks: its checkpoint, which was moved to "
			   "its datastore, is not used, and is older than them from now on");
	checkpoint_stored_forget(file);
}
