/* SPDX-License-Identifier: Apache-2.0 */
/* vm_received.h - one thing of a VM's directory that comes from another host. */
#ifndef KVM_IMAGE_VM_RECEIVED_H
#define KVM_IMAGE_VM_RECEIVED_H

#include "disk_record.h"
#include "image_file.h"
#include "vm_move.h"
#include "volume.h"

struct vm_received {
	const struct vm_item *item;	/* borrowed */
	char *path;			/* where it shall be */
	struct image_file file;		/* unfinished; its fd is -1 when it is not open */
	char *base_part;		/* of a base, until it has its name; NULL: none */
	struct volume volume;		/* the copy of a volume; its kind is NULL: none */
};

/* Whether it is a volume that both hosts see: it becomes the destination's when the move ends. */
bool vm_received_is_given(const struct vm_received *received);

/*
 * Reads it from stdin, if it has data, and writes it beside its place in DIRECTORY; IS_DISK: a
 * record names it, so nothing there may have its name. VOLUME: of an item that is one, else NULL.
 * vm_received_clear() it, also after a failure.
 */
bool vm_received_write(struct vm_received *ret, const struct image_job *job,
		       const struct vm_item *item, const char *directory,
		       const struct disk_entry *entry, GError **error);

/* Adds it to RECORD, as ENTRY of the source's record says. */
bool vm_received_record(const struct vm_received *received, const struct disk_entry *entry,
			struct disk_record *record, GError **error);

/* Gives it its name. */
bool vm_received_publish(struct vm_received *received, const struct image_job *job,
			 GError **error);

/* Removes what has no name yet. */
void vm_received_clear(struct vm_received *received, const struct image_job *job);

#endif
