/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_copy.h - moves disks of a running domain to other images: QEMU copies them, keeps the
 * copies equal, and then uses them instead.
 *
 * Source: docs/facts/actions.md 7, case C; libvirt.md I.
 */
#ifndef MIGRATE_BLOCK_COPY_H
#define MIGRATE_BLOCK_COPY_H

#include "virt/domain_job.h"

struct block_copy {
	const char *target;	/* the disk: "vda" */
	const char *path;	/* of an image that is there already */
	const char *format;
	bool is_block;		/* PATH is a block device */
	bool shallow;		/* the image has its backing chain already */
};

/* Begins to copy a disk of DOM. */
bool block_copy_start(virDomain *dom, const struct block_copy *mirror, GError **error);

/*
 * Waits until all N copies are equal to their disks. HOOKS: when to give up and where to report
 * progress, as for virt_job_run(); their call is not made. RET_ABORTED: they asked to stop.
 */
bool block_copy_wait(virDomain *dom, const struct block_copy *mirrors, guint n,
		     const struct virt_job *hooks, bool *ret_aborted, GError **error);

/* Switches DOM to the copy. */
bool block_copy_pivot(virDomain *dom, const struct block_copy *mirror, GError **error);

/* Ends the copying; the disk stays where it is. True as well when there was none. */
bool block_copy_abort(virDomain *dom, const struct block_copy *mirror, GError **error);

#endif
