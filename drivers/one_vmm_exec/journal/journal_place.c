/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/journal_place.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/paths.h"
#include "journal/notes.h"

enum { MAX_JOURNALS = 16, NAME_DIGITS = 8, MAX_OPTIONS = 1 << 16 };
enum { LEAVE_TRIES = 300, LEAVE_PAUSE_US = 10000 };

char *journal_place_dir(const struct driver_settings *settings)
{
	const char *set = conf_cfg_string(settings->cfg, "journal.dir");

	if (*set)
		return g_strdup(set);

	return conf_path_var("vmm_exec");
}

static int compare_keys(gconstpointer a, gconstpointer b)
{
	return strcmp(a, b);
}

/*
 * What tells this driver from others of its oned: its program, its configuration, its hypervisor
 * and what it runs on the front-end. Other options may be changed freely.
 */
static char *default_name(const struct driver_settings *settings)
{
	const struct driver_options *o = &settings->options;
	g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *etc = conf_path_etc("");
	g_autoptr(GString) text = g_string_new(program);
	GList *keys = g_list_sort(g_hash_table_get_keys(o->local), compare_keys);
	g_autofree char *sum = NULL;

	g_string_append_printf(text, "\n%s\n%s\n", etc, o->hypervisor);
	for (GList *l = keys; l; l = l->next)
		g_string_append_printf(text, "%s=%s\n", (const char *)l->data,
				       (const char *)g_hash_table_lookup(o->local, l->data));
	g_list_free(keys);
	sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, -1);

	return g_strdup_printf("%s-%.*s", o->hypervisor, NAME_DIGITS, sum);
}

static char *slot_path(const struct journal_place *p, const char *name, int number,
		       const char *suffix)
{
	if (!number)
		return g_strdup_printf("%s/%s%s", p->dir, name, suffix);

	return g_strdup_printf("%s/%s.%d%s", p->dir, name, number + 1, suffix);
}

/* The text of a small FILE; NULL: it is not there. The caller frees. */
static char *read_text(const char *file)
{
	GString *text = file_read(file, MAX_OPTIONS, NULL);

	if (text)
		return g_string_free(text, FALSE);

	return NULL;
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);

	*fd = -1;
}

static char *memory_path(const char *dir, const char *journal, const char *suffix)
{
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, journal, -1);

	return g_strdup_printf("%s/journal-%.16s%s", dir, sum, suffix);
}

/* NULL: there is no directory in memory. */
static char *memory_lock_path(const struct journal_place *p, const char *name, int number)
{
	g_autofree char *journal = slot_path(p, name, number, ".db");

	if (!p->memory)
		return NULL;

	return memory_path(p->memory, journal, ".lock");
}

/* Whether the driver that had slot NUMBER last was started with OPTIONS. */
static bool was_ours(const struct journal_place *p, const char *name, int number,
		     const char *options)
{
	g_autofree char *path = slot_path(p, name, number, ".lock");
	g_autofree char *memory = memory_lock_path(p, name, number);
	g_autofree char *before = read_text(path);

	if (!before && memory)
		before = read_text(memory);

	if (before)
		before[strcspn(before, "\n")] = '\0';

	return g_strcmp0(before, options) == 0;
}

/* On a disk that is read-only by now, an existing lock file can still be locked. */
static int open_lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		return fd;
	if (errno != EROFS)
		return fd;

	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* False: another driver holds PATH. RET_FD: the negated errno when it cannot be opened. */
static bool hold(const char *path, const char *options, int *ret_fd)
{
	int fd = open_lock(path), failure = errno;
	g_autofree char *text = g_strdup_printf("%s\n%d %" G_GUINT64_FORMAT "\n", options,
						(int)getpid(), notes_start_of(getpid()));
	ssize_t len = (ssize_t)strlen(text);

	*ret_fd = -1;
	if (fd < 0) {
		*ret_fd = -failure;
		return true;
	}

	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return false;
	}

	/* On a full disk the name is as good. */
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len)
		g_debug("cannot write %s", path);

	*ret_fd = fd;

	return true;
}

/* Whether the driver that took the lock PATH runs. Earlier versions did not say who it is. */
static bool is_driver_alive(const char *path)
{
	g_autofree char *text = read_text(path);
	const char *who = text ? strchr(text, '\n') : NULL;
	char *end;
	int pid;

	if (!who)
		return true;

	pid = (int)g_ascii_strtoll(who, &end, 10);

	return pid > 0 && notes_start_of(pid) == g_ascii_strtoull(end, NULL, 10);
}

/*
 * As hold(), tried for a moment: a process that a driver was starting when it was killed still
 * shares the driver's lock. A driver that took the next journal instead would leave the requests in
 * this one unanswered.
 */
static bool hold_in_time(const char *path, const char *options, int *ret_fd)
{
	for (int i = 0; i < LEAVE_TRIES; i++) {
		if (hold(path, options, ret_fd))
			return true;
		if (is_driver_alive(path))
			return false;

		g_usleep(LEAVE_PAUSE_US);
	}

	return false;
}

/*
 * Each slot has a lock on the journal's disk and one in memory: a disk that fails just when the
 * driver starts does not keep it from having a journal.
 */
static bool take_lock(struct journal_place *p, const char *name, int number, const char *options,
		      GError **error)
{
	g_autofree char *path = slot_path(p, name, number, ".lock");
	g_autofree char *memory = memory_lock_path(p, name, number);

	if (memory && !hold_in_time(memory, options, &p->memory_lock))
		return true;
	if (!hold_in_time(path, options, &p->lock)) {
		drop(&p->memory_lock);
		return true;
	}

	if (p->lock < 0 && p->memory_lock < 0)
		return vmm_fail_errno(error, -p->lock, "cannot open %s", path);

	p->journal = slot_path(p, name, number, ".db");

	return true;
}

/*
 * Drivers of one name may start in any order (VM_MAD kvm and qemu may differ in -p alone): each
 * looks first for a journal whose last driver was started with the same options.
 */
static bool take_slot(struct journal_place *p, const char *name, const char *options,
		      GError **error)
{
	for (int i = 0; i < MAX_JOURNALS && !p->journal; i++)
		if (was_ours(p, name, i, options) && !take_lock(p, name, i, options, error))
			return false;
	for (int i = 0; i < MAX_JOURNALS && !p->journal; i++)
		if (!take_lock(p, name, i, options, error))
			return false;
	if (p->journal)
		return true;

	return vmm_fail(error, VMM_ERROR_BUSY, "all journals %s of %s are in use", name, p->dir);
}

/* Whether DIR is there, ours, and nobody else's to write to. */
static bool is_private(const char *dir)
{
	struct stat st;

	if (lstat(dir, &st) < 0)
		return false;
	if (!S_ISDIR(st.st_mode))
		return false;

	if (st.st_uid != geteuid())
		return false;

	return !(st.st_mode & 022);
}

/*
 * Directories in memory for files that must outlive a killed driver, the best first. Which of them
 * exist may change between two drivers: a package makes /run/one, and spare_dir is a key. So the
 * list has the directory that FILE names, too: the one that the driver before used.
 */
static GPtrArray *memory_dirs(const struct driver_settings *settings, const char *file)
{
	GPtrArray *dirs = g_ptr_array_new_with_free_func(g_free);
	const char *set = conf_cfg_string(settings->cfg, "journal.spare_dir");
	g_autofree char *own = g_strdup_printf("/dev/shm/vmmexec-%u", (unsigned)geteuid());
	g_autofree char *before = file ? read_text(file) : NULL;

	if (*set)
		g_ptr_array_add(dirs, g_strdup(set));
	if (is_private("/run/one"))
		g_ptr_array_add(dirs, g_strdup("/run/one"));
	if (!dirs->len)
		mkdir(own, 0700);
	if (is_private(own))
		g_ptr_array_add(dirs, g_strdup(own));
	if (before && is_private(before))
		g_ptr_array_add(dirs, g_strdup(before));

	return dirs;
}

/* When FILE was written last; 0: it is not there. */
static gint64 written_us(const char *file)
{
	struct stat st;

	if (lstat(file, &st) < 0)
		return 0;
	if (!S_ISREG(st.st_mode))
		return 0;

	return (gint64)st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
}

gint64 journal_place_last_sign(const struct journal_place *p)
{
	g_autofree char *log = g_strconcat(p->journal, "-wal", NULL);
	g_autofree char *spare_log = p->spare ? g_strconcat(p->spare, "-wal", NULL) : NULL;
	const char *const files[] = { p->journal, log, p->notes, p->spare, spare_log };
	gint64 last = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		if (files[i])
			last = MAX(last, written_us(files[i]));

	return last;
}

/* The disk's file is for a machine that was off; the notes are there if that cannot be written. */
void journal_place_sign(const struct journal_place *p)
{
	const char *const files[] = { p->journal, p->notes };

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		if (utimensat(AT_FDCWD, files[i], NULL, AT_SYMLINK_NOFOLLOW) < 0)
			g_debug("cannot touch %s", files[i]);
}

/* Beside the journal and beside the notes: one of the two places may not be writable. */
static GStrv silence_paths(const struct journal_place *p)
{
	g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
	g_autofree char *on_disk = g_strconcat(p->journal, ".silent", NULL);
	g_autofree char *in_memory = g_strconcat(p->notes, ".silent", NULL);

	g_strv_builder_add(paths, on_disk);
	g_strv_builder_add(paths, in_memory);

	return g_strv_builder_end(paths);
}

void journal_place_set_silent(const struct journal_place *p, bool silent)
{
	g_auto(GStrv) paths = silence_paths(p);

	for (char **path = paths; *path; path++) {
		g_autoptr(GError) cause = NULL;

		if (!silent)
			unlink(*path);
		else if (!file_write(*path, "", 0, 0600, &cause))
			g_debug("%s", cause->message);
	}
}

bool journal_place_is_silent(const struct journal_place *p)
{
	g_auto(GStrv) paths = silence_paths(p);

	for (char **path = paths; *path; path++)
		if (g_file_test(*path, G_FILE_TEST_EXISTS))
			return true;
	return false;
}

static void note_dir(const char *file, const char *dir)
{
	g_autofree char *before = read_text(file);
	g_autoptr(GError) cause = NULL;

	/* On a disk that cannot be written the directories are tried one by one. */
	if (g_strcmp0(before, dir) && !file_write(file, dir, strlen(dir), 0600, &cause))
		g_debug("%s", cause->message);
}

/* The one of DIRS that the driver before used for JOURNAL, else the first; NULL: there is none. */
static const char *memory_dir(const GPtrArray *dirs, const char *journal)
{
	const char *best = NULL;
	gint64 newest = -1;

	for (guint i = 0; i < dirs->len; i++) {
		const char *dir = g_ptr_array_index(dirs, i);
		g_autofree char *spare = memory_path(dir, journal, ".db");
		g_autofree char *notes = memory_path(dir, journal, ".notes");
		gint64 written = MAX(written_us(spare), written_us(notes));

		if (written <= newest)
			continue;

		newest = written;
		best = dir;
	}

	return best;
}

static void find_memory(struct journal_place *p, const struct driver_settings *settings)
{
	g_autofree char *file = g_strconcat(p->journal, ".memory", NULL);
	g_autoptr(GPtrArray) dirs = memory_dirs(settings, file);
	const char *dir = memory_dir(dirs, p->journal);

	if (!dir) {
		p->notes = g_strconcat(p->journal, ".notes", NULL);
		return;
	}

	note_dir(file, dir);
	p->spare = memory_path(dir, p->journal, ".db");
	p->notes = memory_path(dir, p->journal, ".notes");
}

/* Where drivers that are set up alike have their locks in memory; NULL: nowhere. Caller frees. */
static char *lock_dir(const struct driver_settings *settings)
{
	g_autoptr(GPtrArray) dirs = memory_dirs(settings, NULL);

	if (dirs->len)
		return g_strdup(g_ptr_array_index(dirs, 0));

	return NULL;
}

char *journal_place_notes(const struct driver_settings *settings, const char *journal)
{
	g_autofree char *file = g_strconcat(journal, ".memory", NULL);
	g_autoptr(GPtrArray) dirs = memory_dirs(settings, file);
	const char *dir = memory_dir(dirs, journal);

	if (dir)
		return memory_path(dir, journal, ".notes");

	return g_strconcat(journal, ".notes", NULL);
}

bool journal_place_take(struct journal_place *ret, const struct driver_settings *settings,
			GError **error)
{
	g_autofree char *derived = default_name(settings);
	const char *name = settings->options.name ? settings->options.name : derived;
	g_autoptr(GError) cause = NULL;

	*ret = (struct journal_place){ .lock = -1, .memory_lock = -1,
				       .dir = journal_place_dir(settings),
				       .memory = lock_dir(settings) };
	if (!file_make_directory(ret->dir, &cause) && !ret->memory) {
		g_propagate_error(error, g_steal_pointer(&cause));
		journal_place_clear(ret);
		return false;
	}

	if (!take_slot(ret, name, settings->options.text, error)) {
		journal_place_clear(ret);
		return false;
	}

	find_memory(ret, settings);

	return true;
}

void journal_place_clear(struct journal_place *p)
{
	drop(&p->lock);
	drop(&p->memory_lock);
	g_free(p->dir);
	g_free(p->memory);
	g_free(p->journal);
	g_free(p->spare);
	g_free(p->notes);
	*p = (struct journal_place){ .lock = -1, .memory_lock = -1 };
}
