/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/worker_files.h"

#include <sys/xattr.h>
#include <unistd.h>

#include "base/program_identity.h"

struct seen {
	struct file_state file;
	bool same;
};

struct worker_files {
	GHashTable *known;
	GHashTable *seen;	/* path to struct seen */
};

bool file_state_read(const char *path, struct file_state *ret)
{
	return stat(path, &ret->st) == 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool file_state_same(const struct file_state *a, const struct file_state *b)
{
	if (a->st.st_dev != b->st.st_dev || a->st.st_ino != b->st.st_ino)
		return false;
	if (a->st.st_size != b->st.st_size || a->st.st_mode != b->st.st_mode)
		return false;

	if (!same_time(&a->st.st_mtim, &b->st.st_mtim))
		return false;

	return same_time(&a->st.st_ctim, &b->st.st_ctim);
}

WorkerFiles *worker_files_new(GHashTable *known)
{
	WorkerFiles *files = g_new0(WorkerFiles, 1);

	files->known = g_hash_table_ref(known);
	files->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	return files;
}

void worker_files_free(WorkerFiles *files)
{
	if (!files)
		return;

	g_hash_table_unref(files->known);
	g_hash_table_unref(files->seen);
	g_free(files);
}

bool worker_files_in(const char *path, const char *directory)
{
	g_autofree char *own = g_path_get_dirname(path);
	struct stat a, b;

	/* For another exec looks in the step's directory, or in PATH. */
	if (!g_path_is_absolute(path))
		return false;
	if (stat(own, &a) != 0 || stat(directory, &b) != 0)
		return false;

	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* By its owner's bit or by capabilities of the file. */
static bool gives_rights(const char *path, const struct file_state *file)
{
	if (file->st.st_mode & (S_ISUID | S_ISGID))
		return true;

	return getxattr(path, "security.capability", NULL, 0) >= 0;
}

static bool is_known_program(const WorkerFiles *files, const char *path)
{
	g_autofree char *name = g_path_get_basename(path);
	g_autofree char *identity = program_identity(path, NULL);
	const char *known = g_hash_table_lookup(files->known, name);

	return identity && known && g_str_equal(identity, known);
}

bool worker_files_same(WorkerFiles *files, const char *path)
{
	struct seen *seen = g_hash_table_lookup(files->seen, path);
	struct file_state file;

	if (!file_state_read(path, &file) || access(path, X_OK) != 0)
		return false;

	if (!seen || !file_state_same(&seen->file, &file)) {
		seen = g_new0(struct seen, 1);
		seen->file = file;
		seen->same = S_ISREG(file.st.st_mode) && !gives_rights(path, &file) &&
			     is_known_program(files, path);
		g_hash_table_replace(files->seen, g_strdup(path), seen);
	}

	return seen->same;
}
