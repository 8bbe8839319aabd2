/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_removal.h - takes away what a record names, and nothing else: all of it or nothing.
 *
 * Where a move is noted as sent, a volume that both hosts see is the other host's by now: it stays.
 *
 * Source: docs/facts/images.md 4.
 */
#ifndef KVM_IMAGE_DISK_REMOVAL_H
#define KVM_IMAGE_DISK_REMOVAL_H

#include "disk_record.h"
#include "image_job.h"

#define DISK_DOCUMENT "vm.xml"

/* All borrowed. */
struct disk_removal {
	const struct image_job *job;
	const char *directory;		/* locked by the caller */
	struct disk_record *record;
	bool is_move;			/* for messages: it is looked at to be moved */
	bool may_run;			/* programs may have the disks open */
	bool gives_volumes;		/* and the volumes, which other hosts see, too */
};

/* What is there of ENTRY: its file or link, and its volume. An error is no answer. */
bool disk_removal_look(const struct disk_removal *removal, const struct disk_entry *entry,
		       enum disk_found *ret, GError **error);

/*
 * Whether all of it may be removed: VMM_ERROR_BUSY when a program has a disk open,
 * VMM_ERROR_REFUSED when another file has the place of one.
 */
bool disk_removal_check(const struct disk_removal *removal, GError **error);

/* Removes all that the record names, and then the record: until then the next run continues. */
bool disk_removal_run(const struct disk_removal *removal, GError **error);

#endif
