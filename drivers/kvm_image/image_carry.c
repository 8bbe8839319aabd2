/* SPDX-License-Identifier: Apache-2.0 */
/* send, receive and grow: a disk of a VM, which its record names, or a file. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/image_use.h"
#include "disk_removal.h"
#include "image_commands.h"
#include "image_file.h"
#include "image_stream.h"
#include "vm_move.h"
#include "volume.h"
#include "volume_commands.h"

/* What is sent or made larger. */
struct carried {
	char *path;		/* of the file or the device; NULL: a volume without one */
	char *volume;		/* "lvm:GROUP/NAME"; NULL: a file */
	bool is_shared;		/* others may read it at the same time: it is no VM's disk */
};

static void carried_clear(struct carried *c)
{
	g_free(c->path);
	g_free(c->volume);
}

static bool fail_unknown(const char *directory, const char *disk, const char *vm, GError **error)
{
	vmm_fail(error, VMM_ERROR_REFUSED, "%s/%s: no record says that it was made for VM %s",
		 directory, disk, vm);
	vmm_error_set_hint(error, "was it made with another TM_MAD?");

	return false;
}

static bool take_volume(const struct disk_entry *e, struct carried *ret, GError **error)
{
	struct volume v;
	bool ok = volume_parse(&v, e->volume, error);

	if (ok)
		ret->path = volume_path(&v);
	ret->volume = g_strdup(e->volume);
	volume_clear(&v);

	return ok;
}

static bool take_entry(const struct disk_removal *r, const char *name, struct carried *ret,
		       GError **error)
{
	const struct disk_entry *e = disk_record_find(r->record, name);
	enum disk_found found = DISK_GONE;

	if (!e || !r->record->is_whole)
		return fail_unknown(r->directory, name, r->record->vm, error);
	if (!disk_removal_look(r, e, &found, error))
		return false;
	if (found == DISK_BUSY)
		return vmm_fail(error, VMM_ERROR_BUSY, "%s/%s: another program has it open, such "
				"as a running guest", r->directory, e->name);
	if (found != DISK_OURS)
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s/%s is gone, or is not what was made "
				"for VM %s", r->directory, e->name, r->record->vm);
	if (e->volume)
		return take_volume(e, ret, error);

	ret->path = g_build_filename(r->directory, e->name, NULL);

	return true;
}

/* The disk of --disk in --directory, if it was made for --vm. */
static bool take_disk(const struct image_job *job, struct carried *ret, GError **error)
{
	g_autofree char *disk = image_job_disk(job, error);
	g_autofree char *directory = NULL, *name = NULL;
	struct disk_removal r = { .job = job };
	bool ok;

	if (!disk)
		return false;
	if (!job->o->directory || !job->o->vm)
		return vmm_fail(error, VMM_ERROR_USAGE, "--disk needs --directory and --vm");

	directory = image_job_path(job->o->directory);
	r.directory = directory;
	if (!vm_move_check_here(directory, error))
		return false;
	if (!disk_record_read(directory, disk, &r.record, error))
		return false;

	if (job->o->snapshot)
		name = g_strconcat(disk, ".snap.", job->o->snapshot, NULL);
	else
		name = g_strdup(disk);
	if (!r.record || !g_str_equal(r.record->vm, job->o->vm))
		ok = fail_unknown(directory, name, job->o->vm, error);
	else
		ok = take_entry(&r, name, ret, error);
	disk_record_free(r.record);

	return ok;
}

/* What it leads to would stay behind. */
static bool check_alone(const struct image_job *job, const char *path, GError **error)
{
	struct image_header h = { 0 };
	bool ok;

	if (!g_strcmp0(job->o->format, "raw"))
		return true;
	if (!image_header_load(path, &h, error))
		return false;

	ok = !h.backing && !h.data_file;
	image_header_clear(&h);
	if (ok)
		return true;

	vmm_fail(error, VMM_ERROR_REFUSED, "cannot send %s: a part of it is in another file", path);
	vmm_error_set_hint(error, "kvm-image convert makes one file of both");

	return false;
}

static bool may_send(const struct carried *c, int fd, GError **error)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)))
		return vmm_fail(error, VMM_ERROR_REFUSED, "%s is neither a file nor a device",
				c->path);
	if (c->is_shared || !image_in_use(fd))
		return true;

	return vmm_fail(error, VMM_ERROR_BUSY, "%s: another program has it open, such as a running "
			"guest", c->path);
}

static bool send_open(const struct carried *c, int fd, GError **error)
{
	off_t end = lseek(fd, 0, SEEK_END);

	if (!may_send(c, fd, error))
		return false;
	if (end < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", c->path);

	return image_stream_write(fd, c->path, (guint64)end, STDOUT_FILENO, error);
}

static bool send_it(const struct image_job *job, const struct carried *c, GError **error)
{
	bool ok;
	int fd;

	if (!c->path)
		return vmm_fail(error, VMM_ERROR_CONFIG, "%s stays in its pool: it is not sent",
				c->volume);
	if (!c->volume && !check_alone(job, c->path, error))
		return false;

	fd = open(c->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", c->path);
	ok = send_open(c, fd, error);
	close(fd);

	return ok;
}

/* Nothing else may come between what is sent, or behind it. */
static bool check_output(const struct image_job *job, GError **error)
{
	if (job->o->json)
		return vmm_fail(error, VMM_ERROR_USAGE, "send has no option --json: standard "
				"output is for what is sent");
	if (isatty(STDOUT_FILENO))
		return vmm_fail(error, VMM_ERROR_USAGE, "standard output is a terminal: it is for "
				"kvm-image receive");

	return true;
}

bool image_send(struct image_job *job, GError **error)
{
	struct carried c = { 0 };
	bool ok = true;

	if (!check_output(job, error))
		return false;
	if (job->o->all)
		return image_send_all(job, error);
	if (job->o->disk) {
		ok = take_disk(job, &c, error);
	} else {
		c.path = image_job_path(job->path);
		c.is_shared = true;
	}

	ok = ok && send_it(job, &c, error);
	carried_clear(&c);

	return ok;
}

/* What is replaced keeps its permissions. */
static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_mode & 0777 : 0600;
}

static bool receive_file(struct image_job *job, const char *path, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(path);
	struct image_file file;
	bool ok;

	/* Names of saved images do not come again; prepare looks after a VM's directory. */
	if (!job->o->directory)
		image_file_remove_parts(directory, "");
	ok = image_file_open(&file, path, job->o->force, error);
	if (ok && fchmod(file.fd, mode_of(path)) < 0)
		ok = vmm_fail_errno(error, errno, "cannot make %s", path);
	if (ok)
		ok = image_stream_read(STDIN_FILENO, file.fd, path, error);
	if (ok)
		ok = image_file_publish(&file, error);
	image_file_clear(&file);
	if (ok)
		image_job_say(job, "image", path);

	return ok;
}

bool image_receive(struct image_job *job, GError **error)
{
	g_autofree char *path = NULL;

	if (job->o->all)
		return image_receive_all(job, error);
	path = image_job_path(job->path);
	if (job->o->directory && !file_make_directory(job->o->directory, error))
		return false;
	if (!image_file_may_make(path, job->o->force, error))
		return false;

	return receive_file(job, path, error);
}

bool image_grow(struct image_job *job, GError **error)
{
	struct carried c = { 0 };
	bool ok;

	if (!job->o->disk)
		return vmm_fail(error, VMM_ERROR_USAGE, "--disk is missing");

	ok = take_disk(job, &c, error);
	job->to = job->path;
	job->path = c.volume ? c.volume : c.path;
	if (ok)
		ok = c.volume ? volume_resize(job, error) : image_resize(job, error);
	job->path = job->to;
	carried_clear(&c);

	return ok;
}
