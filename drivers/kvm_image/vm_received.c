/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_received.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_cache.h"
#include "disk_volume.h"
#include "image_stream.h"

/* A base gets the name that other VMs' bases have, too; PART's bytes are on the disk before. */
static bool share_base(struct vm_received *r, const char *directory, GError **error)
{
	g_autofree char *inside = g_strconcat(r->path, ".base", NULL);
	g_autofree char *part = image_file_part(inside);
	bool ok;

	if (fsync(r->file.fd) < 0)
		return vmm_fail_errno(error, errno, "cannot write %s", r->path);
	/* What a killed run left: we hold the lock of the directory. */
	unlink(part);
	if (r->item->cache)
		ok = base_cache_join(directory, r->item->cache, r->file.handle, part,
				     error);
	else
		ok = image_file_link(r->file.handle, part) ||
		     vmm_fail_errno(error, errno, "cannot make %s", part);
	if (ok)
		r->base_part = g_steal_pointer(&part);

	return ok;
}

static bool write_file(struct vm_received *r, const char *directory, bool is_disk, GError **error)
{
	if (!image_file_open(&r->file, r->path, !is_disk, error))
		return false;
	if (!image_stream_read(STDIN_FILENO, r->file.fd, r->path, error))
		return false;
	if (fchmod(r->file.fd, r->item->mode) < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", r->path);

	return !g_str_has_prefix(r->item->name, ".base.") || share_base(r, directory, error);
}

/* Holes are not written: without zeros there the guest would see data of former owners. */
static bool copy_volume(struct vm_received *r, const struct image_job *job, GError **error)
{
	if (!volume_begin(job, &r->volume, r->item->size, error))
		return false;
	if (!volume_zero(&r->volume, 0, error))
		return false;
	if (r->volume.fd < 0)
		return vmm_fail(error, VMM_ERROR_CONFIG, "%s stays in its pool: it is not copied",
				r->volume.text);

	return image_stream_read_into(STDIN_FILENO, r->volume.fd, r->volume.text, r->volume.size,
				      error);
}

/* Both hosts see it: here, too, it must be the very same. */
static bool check_volume(const struct vm_received *r, const struct image_job *job,
			 const struct disk_entry *e, GError **error)
{
	enum disk_found found;

	if (!disk_volume_look_whole(job, e, &found, error))
		return false;
	if (found == DISK_OURS || (found == DISK_BUSY && job->o->running))
		return disk_volume_activate(job, e, true, error);
	if (found == DISK_BUSY)
		return vmm_fail(error, VMM_ERROR_BUSY, "cannot move %s: another program has %s "
				"open, such as a running guest", r->item->name, e->volume);

	return vmm_fail(error, VMM_ERROR_CONFIG, "%s: this host does not see %s of the other host",
			r->item->name, e->volume);
}

static bool write_volume(struct vm_received *r, const struct image_job *job,
			 const struct disk_entry *e, GError **error)
{
	if (!e || !e->volume || !volume_is(e->volume))
		return vmm_fail(error, VMM_ERROR_INPUT, "%s is no volume of the VM", r->item->name);
	if (r->item->stays)
		return check_volume(r, job, e, error);
	if (!volume_parse(&r->volume, e->volume, error))
		return false;
	if (!volume_may_make(job, &r->volume, r->item->size, error))
		return false;

	return copy_volume(r, job, error);
}

bool vm_received_write(struct vm_received *r, const struct image_job *job,
		       const struct vm_item *item, const char *directory,
		       const struct disk_entry *e, GError **error)
{
	*r = (struct vm_received){ .item = item, .file = { .fd = -1 }, .volume = { .fd = -1 } };
	r->path = g_build_filename(directory, item->name, NULL);
	switch (item->kind) {
	case VM_ITEM_FILE:
		return write_file(r, directory, e != NULL, error);
	case VM_ITEM_VOLUME:
		return write_volume(r, job, e, error);
	case VM_ITEM_DIRECTORY:
		return mkdir(r->path, item->mode | S_IRWXU) == 0 || errno == EEXIST ||
		       vmm_fail_errno(error, errno, "cannot make directory %s", r->path);
	default:
		return true;
	}
}

static bool record_base(const struct vm_received *r, const struct disk_entry *e,
			struct disk_record *record, GError **error)
{
	int fd = open(r->base_part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot read %s", r->base_part);

	ok = disk_record_add_file(record, e->name, e->wish, fd, error);
	close(fd);

	return ok;
}

static void record_volume(const struct vm_received *r, const struct disk_entry *e,
			  struct disk_record *record)
{
	struct disk_entry own = *e;

	own.id = r->volume.id;
	disk_record_add_volume(record, &own);
}

bool vm_received_is_given(const struct vm_received *r)
{
	return r->item->kind == VM_ITEM_VOLUME && r->item->stays;
}

bool vm_received_record(const struct vm_received *r, const struct disk_entry *e,
			struct disk_record *record, GError **error)
{
	switch (r->item->kind) {
	case VM_ITEM_VOLUME:
		record_volume(r, e, record);
		return true;
	case VM_ITEM_LINK:
		disk_record_add_link(record, e->name, e->wish, r->item->link);
		return true;
	default:
		if (r->base_part)
			return record_base(r, e, record, error);
		return disk_record_add_file(record, e->name, e->wish, r->file.fd, error);
	}
}

static bool publish_base(struct vm_received *r, GError **error)
{
	if (rename(r->base_part, r->path) < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", r->path);

	g_clear_pointer(&r->base_part, g_free);

	return true;
}

/* OpenNebula's "disk.1.iso" leads to "disk.1" beside it, which is elsewhere by now. */
static char *link_here(const struct vm_received *r)
{
	g_autofree char *directory = g_path_get_dirname(r->path);
	g_autofree char *beside = g_path_get_basename(r->item->link);
	g_autofree char *iso = g_strconcat(beside, ".iso", NULL);

	if (g_str_equal(iso, r->item->name))
		return g_build_filename(directory, beside, NULL);

	return g_strdup(r->item->link);
}

/* A link that is there is one of OpenNebula's, or the same. */
static bool publish_link(const struct vm_received *r, GError **error)
{
	g_autofree char *link = link_here(r);

	if (g_file_test(r->path, G_FILE_TEST_IS_SYMLINK))
		unlink(r->path);

	return symlink(link, r->path) == 0 ||
	       vmm_fail_errno(error, errno, "cannot make %s", r->path);
}

static bool publish_volume(struct vm_received *r, const struct image_job *job, GError **error)
{
	if (!volume_publish(job, &r->volume, error))
		return false;

	return !r->item->link || publish_link(r, error);
}

bool vm_received_publish(struct vm_received *r, const struct image_job *job, GError **error)
{
	if (vm_received_is_given(r))
		return true;

	switch (r->item->kind) {
	case VM_ITEM_VOLUME:
		return publish_volume(r, job, error);
	case VM_ITEM_LINK:
		return publish_link(r, error);
	case VM_ITEM_FILE:
		return r->base_part ? publish_base(r, error) :
				      image_file_publish(&r->file, error);
	default:
		return true;
	}
}

void vm_received_clear(struct vm_received *r, const struct image_job *job)
{
	if (r->volume.kind)
		volume_abandon(job, &r->volume);
	volume_clear(&r->volume);
	if (r->file.part)
		image_file_clear(&r->file);
	if (r->base_part)
		unlink(r->base_part);
	g_free(r->base_part);
	g_free(r->path);
}
