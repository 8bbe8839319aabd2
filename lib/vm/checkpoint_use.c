/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/checkpoint_use.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "virt/domain_xml.h"
#include "virt/pause.h"

enum {
	TAIL = 1 << 20,		/* of a checkpoint: its devices' state, timers among them */
	KEPT = 16, MAX_NOTE = 65536,
	SKEW_S = 5,		/* between the clocks of two file systems */
};

char *checkpoint_use_path(const char *file)
{
	return g_strconcat(file, ".restoring", NULL);
}

bool checkpoint_use_has(const char *file)
{
	g_autofree char *path = checkpoint_use_path(file);
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Two names of one file: rename() would leave both. */
static bool is_one(const char *a, const char *b)
{
	struct stat one, other;

	if (lstat(a, &one) != 0)
		return false;
	if (lstat(b, &other) != 0)
		return false;
	if (one.st_dev != other.st_dev)
		return false;

	return one.st_ino == other.st_ino;
}

bool checkpoint_use_is_begun(const char *file)
{
	g_autofree char *path = checkpoint_use_path(file);

	return is_one(file, path);
}

static bool move_file(const char *from, const char *to, GError **error)
{
	if (is_one(from, to) && unlink(to) < 0)
		return vmm_fail_errno(error, errno, "cannot remove %s", to);
	return file_rename(from, to, error);
}

bool checkpoint_use_begin(const char *file, GError **error)
{
	g_autofree char *path = checkpoint_use_path(file);

	return move_file(file, path, error);
}

bool checkpoint_use_undo(const char *file, GError **error)
{
	g_autofree char *path = checkpoint_use_path(file);

	return move_file(path, file, error);
}

/* Identifies a checkpoint, also a copy of it; NULL: it cannot be read. */
static char *identity(const char *path)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree guchar *buf = g_malloc(65536);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	g_autofree char *size = NULL;
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		size = g_strdup_printf("%" G_GINT64_FORMAT, (gint64)st.st_size);
		g_checksum_update(sum, (const guchar *)size, -1);
		if (lseek(fd, MAX(st.st_size - TAIL, 0), SEEK_SET) >= 0)
			while ((n = read(fd, buf, 65536)) > 0)
				g_checksum_update(sum, buf, n);
	}

	if (fd >= 0)
		close(fd);

	if (n == 0)
		return g_strdup(g_checksum_get_string(sum));

	return NULL;
}

static char *note_path(const char *file)
{
	g_autofree char *dir = g_path_get_dirname(file), *base = g_path_get_basename(file);

	return g_strdup_printf("%s/.%s.spent", dir, base);
}

/* The lines of .FILE.spent, without ID, which may be NULL. */
static GPtrArray *note_read(const char *file, const char *id)
{
	g_autofree char *path = note_path(file);
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) text = file_read(path, MAX_NOTE, NULL);
	g_auto(GStrv) all = text ? g_strsplit(text->str, "\n", -1) : NULL;

	for (char **l = all; l && *l; l++)
		if (**l && g_strcmp0(*l, id) != 0)
			g_ptr_array_add(lines, g_strdup(*l));

	return lines;
}

/* Writes LINES and then ID, if it is not NULL. */
static bool note_write(const char *file, const GPtrArray *lines, const char *id, GError **error)
{
	g_autofree char *path = note_path(file);
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = lines->len > KEPT ? lines->len - KEPT : 0; i < lines->len; i++)
		g_string_append_printf(text, "%s\n", (char *)lines->pdata[i]);
	if (id)
		g_string_append_printf(text, "%s\n", id);

	return file_write(path, text->str, text->len, 0600, error);
}

bool checkpoint_use_knows(const char *file, const char *path)
{
	g_autofree char *id = identity(path);
	g_autoptr(GPtrArray) lines = note_read(file, NULL);

	if (!id)
		return false;

	return g_ptr_array_find_with_equal_func(lines, id, g_str_equal, NULL);
}

static void forget(const char *path)
{
	if (unlink(path) < 0 && errno != ENOENT)
		action_log("WARN", "cannot remove the checkpoint %s", path);
}

void checkpoint_use_end(const char *file)
{
	g_autofree char *path = checkpoint_use_path(file), *id = identity(path);
	g_autoptr(GPtrArray) lines = note_read(file, id);
	g_autoptr(GError) error = NULL;

	if (id && !note_write(file, lines, id, &error))
		action_log("WARN", "%s", error->message);
	if (checkpoint_use_is_begun(file) || checkpoint_use_knows(file, file))
		forget(file);
	forget(path);
}

void checkpoint_use_domain_ended(const char *directory, const struct virt_state *state)
{
	g_autofree char *file = directory ? g_build_filename(directory, "checkpoint", NULL) : NULL;

	if (file && virt_state_is_up(state) && !virt_paused_for_job(state) &&
	    checkpoint_use_has(file))
		checkpoint_use_end(file);
}

static bool is_written(const xmlNode *disk)
{
	g_autofree char *device = xml_attribute(disk, "device");

	if (xml_child(disk, "readonly"))
		return false;

	return !device || g_str_equal(device, "disk") || g_str_equal(device, "lun");
}

/* Whether no other VM writes to DISK. */
static bool is_own(const xmlNode *disk)
{
	if (!xml_has(disk, "type", "file"))
		return false;
	if (xml_child(disk, "shareable"))
		return false;

	return is_written(disk);
}

/* The line of .FILE.spent that says that the VM was started from its disks beside FILE. */
static char *older_line(const char *file)
{
	g_autofree char *id = identity(file);

	return id ? g_strconcat("older ", id, NULL) : NULL;
}

bool checkpoint_use_is_older(const xmlNode *domain, const char *file, char **ret_note)
{
	const xmlNode *disk = xml_child(xml_child(domain, "devices"), "disk");
	g_autofree char *line = older_line(file);
	g_autoptr(GPtrArray) lines = note_read(file, NULL);

	*ret_note = note_path(file);
	while (disk && !is_written(disk))
		disk = xml_next(disk);

	return disk && line && g_ptr_array_find_with_equal_func(lines, line, g_str_equal, NULL);
}

void checkpoint_use_started_beside(const char *directory)
{
	g_autofree char *file = g_build_filename(directory, "checkpoint", NULL);
	g_autofree char *line = older_line(file);
	g_autoptr(GPtrArray) lines = note_read(file, line);
	g_autoptr(GError) error = NULL;

	if (access(file, F_OK) == 0 || checkpoint_use_has(file))
		action_log("WARN", "the VM runs from its disks: the checkpoint %s is not used, and "
			   "is older than them from now on", file);
	if (line && !note_write(file, lines, line, &error))
		action_log("WARN", "%s", error->message);
}

void checkpoint_use_reset(const char *file)
{
	g_autofree char *path = checkpoint_use_path(file), *id = identity(file);
	g_autoptr(GPtrArray) lines = note_read(file, id), all = note_read(file, NULL);
	g_autoptr(GError) error = NULL;

	/*
	 * The VM was running when it was saved, so the older checkpoint was used or has become
	 * useless.
	 */
	forget(path);
	if (lines->len != all->len && !note_write(file, lines, NULL, &error))
		action_log("WARN", "%s", error->message);
}

/* On two file systems, whose clocks may differ, times that are close prove nothing. */
static enum checkpoint_disks compare(const struct stat *disk, const struct stat *checkpoint)
{
	gint64 d = disk->st_mtim.tv_sec, c = checkpoint->st_mtim.tv_sec;
	bool same_clock = disk->st_dev == checkpoint->st_dev;

	if (!same_clock && ABS(d - c) <= SKEW_S)
		return CHECKPOINT_DISKS_UNKNOWN;
	if (d == c)
		return disk->st_mtim.tv_nsec > checkpoint->st_mtim.tv_nsec ? CHECKPOINT_DISKS_NEWER
									   : CHECKPOINT_DISKS_OLDER;

	if (d > c)
		return CHECKPOINT_DISKS_NEWER;

	return CHECKPOINT_DISKS_OLDER;
}

enum checkpoint_disks checkpoint_use_look(const xmlNode *domain, const char *path, char **ret_disk)
{
	const xmlNode *devices = xml_child(domain, "devices");
	enum checkpoint_disks found;
	bool any = false, all_older = true;
	struct stat checkpoint, st;

	if (stat(path, &checkpoint) < 0)
		return CHECKPOINT_DISKS_UNKNOWN;
	for (xmlNode *n = xml_child(devices, "disk"); n; n = xml_next(n)) {
		g_autofree char *file = is_own(n) ? virt_disk_path(n) : NULL;

		if (!file)
			continue;
		if (stat(file, &st) < 0)
			continue;
		if (!S_ISREG(st.st_mode))
			continue;
		any = true;
		found = compare(&st, &checkpoint);
		all_older = all_older && found == CHECKPOINT_DISKS_OLDER;
		if (found == CHECKPOINT_DISKS_NEWER) {
			g_autofree char *target = xml_child_attribute(n, "target", "dev");

			*ret_disk = g_strdup_printf("%s (%s)", target, file);
			return CHECKPOINT_DISKS_NEWER;
		}
	}

	if (any && all_older)
		return CHECKPOINT_DISKS_OLDER;

	return CHECKPOINT_DISKS_UNKNOWN;
}
