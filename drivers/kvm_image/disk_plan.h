/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_plan.h - which files a VM document wants in its VM's directory.
 *
 * Source: docs/facts/deployment.md 2.13.1 and 2.14; images.md 4.
 */
#ifndef KVM_IMAGE_DISK_PLAN_H
#define KVM_IMAGE_DISK_PLAN_H

#include "template/vm.h"

enum disk_way {
	DISK_COPY,	/* of SOURCE, in FORMAT, and then SIZE */
	DISK_OVERLAY,	/* of SIZE, on a base of SOURCE in BASE_FORMAT that others share */
	DISK_CLONE,	/* of SOURCE, an image in the same Ceph cluster, and then SIZE */
	DISK_LINK,	/* to SOURCE, which the guest uses itself */
	DISK_EMPTY,	/* of SIZE and FORMAT, with FILLING unless that is NULL */
	DISK_CONTEXT,	/* the medium with the VM's CONTEXT */
};

/* What the domain takes the disk for. */
enum disk_place { PLACE_FILE, PLACE_DEVICE, PLACE_POOL };

/* Borrowed texts are the document's. */
struct planned_disk {
	char *name;			/* "disk.0" */
	enum disk_way way;
	enum disk_place place;		/* of what is copied or made empty */
	char *volume;			/* "lvm:GROUP/NAME", "rbd:POOL/NAME"; NULL: a file */
	const char *source;		/* an absolute path; of DISK_CLONE rbd's; borrowed */
	const char *received;		/* what stands for SOURCE; NULL: itself; borrowed */
	const char *pool;		/* where images without a name are; borrowed */
	const char *source_format;	/* as declared; NULL: not; borrowed */
	const char *format;		/* raw or qcow2; borrowed */
	const char *filling;		/* "swap" or a file system; static */
	const char *base_format;	/* NULL: that of SOURCE; static */
	guint64 size;			/* bytes; 0: as large as SOURCE */
	bool is_cdrom;
	bool whole;			/* takes all its space at once */
	char *wish;			/* all of it as one line: disks are equal if these are */
};

struct disk_plan {
	GString *text;		/* of the VM, verbatim */
	TmplVm *vm;
	char *only;		/* "disk.0", if it is of that disk alone; NULL: of all */
	char *received;		/* the file that stands for its SOURCE; NULL: SOURCE itself */
	GPtrArray *disks;	/* of struct planned_disk */
};

/*
 * Reads the VM document (or the data of a driver's action) in file PATH, "-" for stdin.
 * VMM_ERROR_INPUT: it is none. disk_plan_clear() it, also after a failure.
 */
bool disk_plan_load(struct disk_plan *plan, const char *path, GError **error);

/*
 * Plans its disks; looks at no image. VMM_ERROR_INPUT: the document is wrong, or has no disk ONLY;
 * VMM_ERROR_CONFIG: it wants what is not made here.
 */
bool disk_plan_make(struct disk_plan *plan, GError **error);

/* Sets WISH, once all else is set. */
void disk_plan_describe(struct planned_disk *disk);

void disk_plan_clear(struct disk_plan *plan);

#endif
