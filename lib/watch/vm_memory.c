/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/vm_memory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action/lock.h"
#include "base/file.h"
#include "base/number.h"
#include "watch/own_directory.h"
#include "watch/watch_faults.h"
#include "watch/watch_thread.h"

enum { MAX_FILE = 4 << 20, UUID_LENGTH = 36 };

struct vm_memory {
	const char *path;
	char *text;		/* of the file; NULL: not known */
	bool writing, has_failed;
};

struct writing {
	VmMemory *memory;
	char *text;
	GError *error;
};

VmMemory *vm_memory_new(const char *path)
{
	VmMemory *m = g_new0(VmMemory, 1);

	m->path = path;

	return m;
}

/* The directory lies in /var/tmp: what another user put there is not ours. */
static int open_own(const char *path, struct stat *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool is_own = fd >= 0 && fstat(fd, ret) == 0 && S_ISREG(ret->st_mode) &&
		      ret->st_uid == geteuid() && !(ret->st_mode & (S_IWGRP | S_IWOTH));

	if (is_own)
		return fd;
	if (fd >= 0)
		close(fd);

	return -1;
}

static bool was_acted_on(gint64 id, gint64 since_s)
{
	g_autofree char *name = g_strdup_printf("one-%" G_GINT64_FORMAT, id);
	bool is_held;

	return lock_last_taken_s(name, &is_held) >= since_s || is_held;
}

/* "ID UUID" */
static void remember_line(const char *line, gint64 written_s, VmTable *table)
{
	g_auto(GStrv) words = g_strsplit(line, " ", 2);
	gint64 id;

	if (g_strv_length(words) != 2 || strlen(words[1]) != UUID_LENGTH)
		return;
	if (!number_signed(words[0], 0, G_MAXINT32, &id, NULL) || was_acted_on(id, written_s))
		return;

	vm_table_remember(table, id, words[1]);
}

void vm_memory_read(const VmMemory *m, VmTable *table)
{
	struct stat st;
	int fd = open_own(m->path, &st);
	GString *text = fd < 0 ? NULL : file_read_fd(fd, MAX_FILE, m->path, NULL);
	g_auto(GStrv) lines = NULL;

	if (fd >= 0)
		close(fd);
	if (!text)
		return;

	lines = g_strsplit(text->str, "\n", -1);
	for (char **l = lines; *l; l++)
		remember_line(*l, st.st_mtime, table);
	g_string_free(text, TRUE);
}

static void write_memory(void *data)
{
	struct writing *w = data;
	const char *path = w->memory->path;
	g_autofree char *directory = g_path_get_dirname(path);

	if (own_directory_check(directory, &w->error))
		file_write(path, w->text, strlen(w->text), 0600, &w->error);
}

/* After a failed write the file's content is unknown, so the text is forgotten. */
static void memory_written(void *data)
{
	struct writing *w = data;

	w->memory->writing = false;
	w->memory->has_failed = w->error != NULL;
	watch_faults_note(w->memory->path, w->error);
	if (w->error)
		g_clear_pointer(&w->memory->text, g_free);
	g_clear_error(&w->error);
	g_free(w->text);
	g_free(w);
}

void vm_memory_keep(VmMemory *m, const VmTable *table, bool refresh)
{
	g_autofree char *text = NULL;
	struct writing *w;

	if (m->writing)
		return;
	text = vm_table_on(table);
	if (!refresh && g_strcmp0(text, m->text) == 0)
		return;

	w = g_new0(struct writing, 1);
	w->memory = m;
	w->text = g_strdup(text);
	g_free(m->text);
	m->text = g_steal_pointer(&text);
	m->writing = true;
	watch_thread_run(write_memory, memory_written, w);
}

void vm_memory_retry(VmMemory *m, const VmTable *table)
{
	if (m->has_failed)
		vm_memory_keep(m, table, false);
}
