/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/worker_libraries.h"

#include "wire/worker_files.h"

struct library {
	char *path;
	bool there;		/* else it was replaced while we looked, or is none */
	bool optional;
	struct file_state file;
};

struct worker_libraries {
	GPtrArray *all;		/* of struct library */
};

/*
 * What is read while they are loaded: by the loader, and by GnuTLS, at its place in Debian and in
 * Fedora. Source: ld.so(8); docs/facts/worker.md 4.
 */
static const char *const read_at_start[] = {
	"/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/gnutls/config",
	"/etc/crypto-policies/back-ends/gnutls.config",
};
static const char another_place[] = "GNUTLS_SYSTEM_PRIORITY_FILE";

static void library_free(void *data)
{
	struct library *l = data;

	g_free(l->path);
	g_free(l);
}

static void add_library(WorkerLibraries *to, const char *path, bool optional)
{
	struct library *l = g_new0(struct library, 1);

	l->path = g_strdup(path);
	l->optional = optional;
	l->there = file_state_read(path, &l->file);
	g_ptr_array_add(to->all, l);
}

static bool has_path(const WorkerLibraries *libraries, const char *path)
{
	const GPtrArray *all = libraries->all;

	for (guint i = 0; i < all->len; i++)
		if (g_str_equal(((const struct library *)all->pdata[i])->path, path))
			return true;

	return false;
}

/*
 * Lines "ADDRESSES RIGHTS OFFSET DEVICE INODE PATH", several of each file. One that was replaced
 * meanwhile is called "PATH (deleted)", which is no file: it is found there at no time. Its device
 * and inode are not those of stat() in every file system. Source: proc(5).
 */
static void add_mapped(WorkerLibraries *to, const char *maps)
{
	g_auto(GStrv) lines = g_strsplit(maps, "\n", -1);

	for (char **l = lines; *l; l++) {
		const char *path = strchr(*l, '/');

		if (path && !has_path(to, path))
			add_library(to, path, false);
	}
}

WorkerLibraries *worker_libraries_new(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/maps", (int)pid);
	g_autofree char *maps = NULL;
	WorkerLibraries *libraries;

	if (!g_file_get_contents(path, &maps, NULL, NULL) || !*maps)
		return NULL;

	libraries = g_new0(WorkerLibraries, 1);
	libraries->all = g_ptr_array_new_with_free_func(library_free);
	add_mapped(libraries, maps);
	for (size_t i = 0; i < G_N_ELEMENTS(read_at_start); i++)
		add_library(libraries, read_at_start[i], true);
	if (g_getenv(another_place))
		add_library(libraries, g_getenv(another_place), true);

	return libraries;
}

void worker_libraries_free(WorkerLibraries *libraries)
{
	if (!libraries)
		return;

	g_ptr_array_unref(libraries->all);
	g_free(libraries);
}

static bool is_same(const struct library *was)
{
	struct file_state now;

	if (!file_state_read(was->path, &now))
		return !was->there && was->optional;

	return was->there && file_state_same(&was->file, &now);
}

bool worker_libraries_same(const WorkerLibraries *libraries)
{
	const GPtrArray *all = libraries->all;

	for (guint i = 0; i < all->len; i++)
		if (!is_same(all->pdata[i]))
			return false;

	return true;
}
