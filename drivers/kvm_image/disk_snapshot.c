/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snap-create, snap-revert and snap-delete: a snapshot of a disk is a whole copy of its file beside
 * it, "disk.0.snap.3", in the disk's record. So it needs no other snapshot, a revert writes to
 * none, and whatever is killed, each file is the old or the new one. An overlay's is small: its
 * base is not copied. Source: docs/facts/images.md 10.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"
#include "disk_directory.h"
#include "disk_record.h"
#include "file_clone.h"
#include "image_commands.h"
#include "image_file.h"
#include "vm_move.h"

enum { MAX_ID = 1 << 30, STAT_BLOCK = 512 };

/* One call. */
struct disk_snapshot {
	struct image_job *job;
	char *disk;			/* "disk.0" */
	char *name;			/* "disk.0.snap.3" */
	struct disk_directory directory;
	struct disk_record *record;
};

static char *path_of(const struct disk_snapshot *s, const char *name)
{
	return g_build_filename(s->directory.path, name, NULL);
}

static bool write_record(const struct disk_snapshot *s, GError **error)
{
	return disk_record_write(s->record, s->directory.path, error);
}

static bool fail_gone(const struct disk_snapshot *s, const char *name, GError **error)
{
	return vmm_fail(error, VMM_ERROR_NOT_FOUND, "%s/%s is gone, or is not what was made for "
			"VM %s", s->directory.path, name, s->record->vm);
}

/* Whether NAME is a file of the VM that no program has open. */
static bool check_file(const struct disk_snapshot *s, const char *name, GError **error)
{
	const struct disk_entry *e = disk_record_find(s->record, name);
	enum disk_found found = e ? disk_record_look(e, s->directory.path) : DISK_GONE;
	bool is_elsewhere = e && (e->volume || e->link);

	if (is_elsewhere)
		return vmm_fail(error, VMM_ERROR_CONFIG, "%s/%s is no file: it has no snapshots "
				"here", s->directory.path, name);
	if (found == DISK_OURS)
		return true;
	if (found != DISK_BUSY)
		return fail_gone(s, name, error);

	vmm_fail(error, VMM_ERROR_BUSY, "%s/%s: another program has it open, such as a running "
		 "guest", s->directory.path, name);
	vmm_error_set_hint(error, "power the VM off first");

	return false;
}

static bool check_room_for(const char *path, const struct stat *st, GError **error)
{
	guint64 needed = (guint64)st->st_blocks * STAT_BLOCK, room;

	if (!image_file_room(path, &room, error))
		return false;
	if (needed <= room)
		return true;

	return vmm_fail(error, VMM_ERROR_NO_SPACE, "cannot make %s: it needs %" G_GUINT64_FORMAT
			" bytes, and %" G_GUINT64_FORMAT " are free", path, needed, room);
}

static bool fill(const char *from, const struct image_file *to, GError **error)
{
	int fd = open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	bool ok;

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", from);

	if (fstat(fd, &st) < 0 || fchmod(to->fd, st.st_mode & 0777) < 0)
		ok = vmm_fail_errno(error, errno, "cannot make %s", to->path);
	else
		ok = file_clone_blocks(fd, to->fd) ||
		     (check_room_for(to->path, &st, error) && file_clone(fd, to->fd, from, error));
	close(fd);

	return ok;
}

/* Until it has its name, either file may be there after a kill: both are ours. */
static bool publish(const struct disk_snapshot *s, const char *name, struct image_file *file,
		    GError **error)
{
	const struct disk_entry *disk = disk_record_find(s->record, s->disk);

	if (!disk_record_replace(s->record, name, disk->wish, file->fd, error))
		return false;
	if (!write_record(s, error))
		return false;
	if (!image_file_publish(file, error))
		return false;

	disk_record_replaced(s->record, name);

	return write_record(s, error);
}

/* TO becomes a copy of FROM, whole or not at all. */
static bool copy_file(const struct disk_snapshot *s, const char *from, const char *to,
		      GError **error)
{
	g_autofree char *source = path_of(s, from);
	g_autofree char *path = path_of(s, to);
	struct image_file file;
	bool ok = image_file_open(&file, path, true, error) && fill(source, &file, error) &&
		  publish(s, to, &file, error);

	image_file_clear(&file);

	return ok;
}

/* What has the snapshot's name, if anything does, must be that snapshot of ours. */
static bool check_name(const struct disk_snapshot *s, GError **error)
{
	const struct disk_entry *e = disk_record_find(s->record, s->name);
	g_autofree char *path = path_of(s, s->name);
	struct stat st;

	if (e && disk_record_look(e, s->directory.path) != DISK_OTHER)
		return true;
	if (lstat(path, &st) < 0 && errno == ENOENT)
		return true;

	vmm_fail(error, VMM_ERROR_EXISTS, "%s is there, and was not made for VM %s", path,
		 s->record->vm);
	vmm_error_set_hint(error, "move it away, or remove it, if it is no longer needed");

	return false;
}

static bool create_snapshot(struct disk_snapshot *s, GError **error)
{
	if (!check_file(s, s->disk, error))
		return false;
	if (!check_name(s, error))
		return false;
	if (!copy_file(s, s->disk, s->name, error))
		return false;

	image_job_say(s->job, "snapshot", s->name);

	return true;
}

static bool revert_to_snapshot(struct disk_snapshot *s, GError **error)
{
	if (!check_file(s, s->name, error))
		return false;
	if (!check_file(s, s->disk, error))
		return false;
	if (!copy_file(s, s->name, s->disk, error))
		return false;

	image_job_say(s->job, "reverted_to", s->name);

	return true;
}

/* One that is gone is deleted; another file that has its name stays. */
static bool remove_file(const struct disk_snapshot *s, const struct disk_entry *e, GError **error)
{
	g_autofree char *path = path_of(s, s->name);

	switch (disk_record_look(e, s->directory.path)) {
	case DISK_GONE:
	case DISK_OTHER:
		return true;
	case DISK_BUSY:
		return check_file(s, s->name, error);
	default:
		break;
	}

	disk_record_forget(s->record, s->name);
	if (!write_record(s, error))
		return false;

	return unlink(path) == 0 || vmm_fail_errno(error, errno, "cannot remove %s", path);
}

static bool delete_snapshot(struct disk_snapshot *s, GError **error)
{
	const struct disk_entry *e = disk_record_find(s->record, s->name);

	image_job_say(s->job, "deleted", s->name);
	if (!e)
		return true;
	if (!remove_file(s, e, error))
		return false;

	disk_record_drop(s->record, s->name);

	return write_record(s, error);
}

static bool load_record(struct disk_snapshot *s, GError **error)
{
	const char *vm = s->job->o->vm;

	if (!vm_move_check_here(s->directory.path, error))
		return false;
	if (!disk_record_read(s->directory.path, s->disk, &s->record, error))
		return false;
	if (s->record && g_str_equal(s->record->vm, vm) && s->record->is_whole)
		return true;

	vmm_fail(error, VMM_ERROR_REFUSED, "%s/%s: no record says that it was made for VM %s",
		 s->directory.path, s->disk, vm);
	vmm_error_set_hint(error, "only disks that kvm-image prepare made have snapshots here");

	return false;
}

static bool name_snapshot(struct disk_snapshot *s, GError **error)
{
	const char *id = s->job->path;
	guint64 number;

	if (!s->job->o->directory || !s->job->o->vm || !s->job->o->disk)
		return vmm_fail(error, VMM_ERROR_USAGE, "--directory, --disk and --vm are needed");
	if (!number_unsigned(id, 0, MAX_ID, &number, NULL))
		return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not the number of a snapshot", id);

	s->disk = image_job_disk(s->job, error);
	if (s->disk)
		s->name = g_strdup_printf("%s.snap.%" G_GUINT64_FORMAT, s->disk, number);

	return s->disk != NULL;
}

static bool run_on(struct image_job *job, bool (*run_it)(struct disk_snapshot *s, GError **error),
		   GError **error)
{
	struct disk_snapshot s = { .job = job, .directory = { .lock = -1 } };
	g_autofree char *path = NULL;
	bool ok = name_snapshot(&s, error);

	if (ok) {
		path = image_job_path(job->o->directory);
		ok = disk_directory_open(&s.directory, path, false, error) &&
		     load_record(&s, error) && run_it(&s, error);
		disk_directory_close(&s.directory, false);
	}

	disk_record_free(s.record);
	g_free(s.disk);
	g_free(s.name);

	return ok;
}

bool image_snap_create(struct image_job *job, GError **error)
{
	return run_on(job, create_snapshot, error);
}

bool image_snap_revert(struct image_job *job, GError **error)
{
	return run_on(job, revert_to_snapshot, error);
}

bool image_snap_delete(struct image_job *job, GError **error)
{
	return run_on(job, delete_snapshot, error);
}
