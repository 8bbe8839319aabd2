/* SPDX-License-Identifier: Apache-2.0 */
/* moved_disks.h - in which of two directories the files of a running VM are. */
#ifndef VM_MOVED_DISKS_H
#define VM_MOVED_DISKS_H

#include "action/action.h"
#include "virt/virt_domain.h"

enum moved_disks {
	MOVED_NONE,	/* all are where they were */
	MOVED_SOME,	/* some are, or a disk is still copied */
	MOVED_ALL,
};

/*
 * Looks at the disks that DOM writes to, and at what its metadata say, after a move from directory
 * FROM to TO that may have been cut short.
 */
bool moved_disks_look(const struct action_ctx *ctx, virDomain *dom, const char *from,
		      const char *to, enum moved_disks *ret, GError **error);

#endif
