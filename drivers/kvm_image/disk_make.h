/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_make.h - one disk of a plan: looked at, written beside its place, named.
 *
 * Source: docs/facts/images.md 4.
 */
#ifndef KVM_IMAGE_DISK_MAKE_H
#define KVM_IMAGE_DISK_MAKE_H

#include "disk_plan.h"
#include "disk_record.h"
#include "image_copy.h"
#include "image_file.h"
#include "volume.h"

struct disk_making {
	const struct planned_disk *disk;
	char *path;			/* where it shall be */
	struct image_copy copy;		/* of DISK_COPY, and of the base of DISK_OVERLAY */
	char *base;			/* our name of that base; NULL: none */
	char *base_part;		/* until it has that */
	guint64 size;			/* that it shall have, in bytes; 0: a link */
	struct volume volume;		/* of a disk that is one */
	struct image_file file;		/* unfinished; its fd is -1 until it is written */
};

/*
 * Whether DISK can be made in DIRECTORY: its source may be read and is not larger than the disk,
 * and nothing has its name. Adds the bytes that it takes at most to *NEEDED. disk_making_clear()
 * RET, also after a failure.
 */
bool disk_making_look(struct image_job *job, const struct planned_disk *disk,
		      const char *directory, struct disk_making *ret, guint64 *needed,
		      GError **error);

/* Writes all of it to an unfinished file; CONTEXT is the VM's. A link is not made yet. */
bool disk_making_write(struct image_job *job, struct disk_making *making,
		       const TmplAttr *context, GError **error);

/* Makes swap space or a file system NAME on PATH. */
bool disk_making_fill(struct image_job *job, const char *name, const char *path, GError **error);

/* As disk_making_write(), of a volume that no such program can open: a file of it is imported. */
bool disk_making_fill_volume(struct image_job *job, struct disk_making *making, GError **error);

/* Adds it to RECORD, as what it will be. */
bool disk_making_record(const struct disk_making *making, struct disk_record *record,
			GError **error);

/* Gives it its name; nothing is replaced. */
bool disk_making_publish(struct disk_making *making, GError **error);

/* Removes what is unfinished. */
void disk_making_clear(struct disk_making *making);

#endif
