/* SPDX-License-Identifier: Apache-2.0 */
/* adopt and abandon: the directory of a VM that was moved while it runs, or was not after all. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_directory.h"
#include "image_commands.h"
#include "vm_contents.h"
#include "vm_move.h"
#include "vm_order.h"
#include "vm_sent.h"

static bool fail_missing(const struct vm_order *order, const char *name, GError **error)
{
	return vmm_fail(error, VMM_ERROR_NOT_FOUND, "%s/%s of VM %s has not come here",
			order->directory, name, order->vm);
}

/* The move of the running VM copied it, as the same disk. */
static bool adopt_file(const struct vm_order *order, const struct disk_entry *e,
		       struct disk_record *record, GError **error)
{
	g_autofree char *path = g_build_filename(order->directory, e->name, NULL);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	bool ok;

	if (fd < 0)
		return fail_missing(order, e->name, error);

	ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	     disk_record_add_file(record, e->name, e->wish, fd, NULL);
	close(fd);

	return ok || fail_missing(order, e->name, error);
}

static bool adopt_entry(const struct vm_order *order, const struct disk_entry *e,
			struct disk_record *record, GError **error)
{
	if (disk_record_find(record, e->name) || g_str_equal(e->name, DISK_DOCUMENT))
		return true;
	/* A snapshot that was being made or removed. */
	if (e->next.inode && !e->is.inode)
		return true;
	/* Both hosts see it: the source has it until keep takes it. */
	if (e->volume)
		return true;
	if (!e->link)
		return adopt_file(order, e, record, error);
	if (disk_record_look(e, order->directory) != DISK_OURS)
		return fail_missing(order, e->name, error);

	disk_record_add_link(record, e->name, e->wish, e->link);

	return true;
}

/* FROM: as the source has it. */
static bool adopt_record(const struct vm_order *order, const struct disk_record *from,
			 GError **error)
{
	struct disk_record *record;
	bool ok = disk_record_read(order->directory, from->disk, &record, error);

	if (!ok)
		return false;
	if (!record)
		record = disk_record_new(from->vm, from->disk);

	record->made_directory = from->made_directory;
	for (guint i = 0; ok && i < from->entries->len; i++)
		ok = adopt_entry(order, from->entries->pdata[i], record, error);
	record->is_whole = ok;
	if (ok)
		ok = disk_record_write(record, order->directory, error);
	disk_record_free(record);

	return ok;
}

static bool fail_other_move(const struct vm_order *order, GError **error)
{
	return vmm_fail(error, VMM_ERROR_REFUSED, "%s: no move %s of running VM %s came here",
			order->directory, order->id, order->vm);
}

static bool is_of_order(const VmMove *m, const struct vm_order *order)
{
	return m->is_running && g_str_equal(m->id, order->id) && g_str_equal(m->vm, order->vm);
}

static bool adopt(struct image_job *job, const struct vm_order *order, GError **error)
{
	g_autoptr(VmMove) move = NULL;

	if (!vm_move_read(order->directory, &move, error))
		return false;
	if (!move)
		return true;
	if (move->state != VM_MOVE_RECEIVED || !is_of_order(move, order))
		return fail_other_move(order, error);
	for (guint i = 0; i < move->records->len; i++)
		if (!adopt_record(order, move->records->pdata[i], error))
			return false;

	image_job_say(job, "adopted", order->directory);

	return true;
}

/*
 * With a disk that is not ours yet, or that adopt has made ours, it is refused: the VM may be there
 * after all.
 */
static bool abandon_received(struct image_job *job, const struct vm_order *order,
			     const VmMove *move, GError **error)
{
	struct vm_contents c;
	bool ok;

	vm_contents_init(&c, job, order->directory, order->vm);
	c.context = g_strdup(order->context);
	c.came = move;
	ok = vm_contents_look(&c, error);
	if (ok && move->state == VM_MOVE_RECEIVED)
		ok = vm_sent_check(&c, move, error);
	ok = ok && vm_contents_remove(&c, error) && vm_move_forget(order->directory, error);
	vm_contents_clear(&c);

	return ok;
}

/*
 * A part of a VM is of no use, whichever move it is of: a move that is in progress would hold the
 * lock.
 */
static bool abandon(struct image_job *job, const struct vm_order *order, GError **error)
{
	g_autoptr(VmMove) move = NULL;
	bool is_part, is_whole;

	if (!vm_move_read(order->directory, &move, error))
		return false;
	if (!move)
		return true;

	is_part = move->state == VM_MOVE_RECEIVING && move->is_running &&
		  g_str_equal(move->vm, order->vm);
	is_whole = is_of_order(move, order);
	/* Source and destination are one directory, and the source was not told yet. */
	if (is_whole && move->state == VM_MOVE_SENDING)
		return true;
	if (!is_part && !(is_whole && move->state == VM_MOVE_RECEIVED))
		return fail_other_move(order, error);
	if (!abandon_received(job, order, move, error))
		return false;

	image_job_say(job, "abandoned", order->directory);

	return true;
}

static bool run_on(struct image_job *job,
		   bool (*run_it)(struct image_job *job, const struct vm_order *order,
				  GError **error),
		   bool remove, GError **error)
{
	struct disk_directory directory = { .lock = -1 };
	struct vm_order order;
	bool ok = vm_order_load_move(&order, job, error);

	if (ok && access(order.directory, F_OK) < 0 && errno == ENOENT && remove) {
		image_job_say(job, "nothing_in", order.directory);
	} else if (ok) {
		ok = disk_directory_open(&directory, order.directory, false, error) &&
		     run_it(job, &order, error);
		disk_directory_close(&directory, ok && remove);
	}
	vm_order_clear(&order);

	return ok;
}

bool image_adopt(struct image_job *job, GError **error)
{
	return run_on(job, adopt, false, error);
}

bool image_abandon(struct image_job *job, GError **error)
{
	return run_on(job, abandon, true, error);
}
