/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_to_host.h - the files of a VM that moves to a host which does not see those
 * of this one: phases 2 and 6 of migration.h.
 *
 * Source: docs/facts/actions.md 7, case B; pitfalls.md P-16, P-24, P-30, P-31.
 */
#ifndef MIGRATE_COPY_TO_HOST_H
#define MIGRATE_COPY_TO_HOST_H

#include "migrate/made_files.h"
#include "migrate/migration.h"
#include "migrate/storage_plan.h"

struct copy_to_host {
	struct migration *r;
	StoragePlan *stored;
	char *to;		/* the VM's directory there */
	char *note;		/* here: what is left to do, until it is done; brought along */
	GPtrArray *late;	/* paths here of disks to copy once the guest is paused */
	bool resume;		/* it ran */
	MadeFiles *made;		/* at the destination, to remove when the VM stays */
};

/*
 * Looks at the disks, sees to the room, brings what does not change and makes images to
 * copy into, in directory TO of R's destination; tells R->how what to copy, and
 * to leave the guest paused there. On failure everything is removed again.
 */
bool copy_to_host_prepare(struct copy_to_host *f, struct migration *r, const char *from,
			  const char *to, GError **error);

/* After the move: brings what changed, and lets the guest go on. False: it stays paused there. */
bool copy_to_host_finish(struct copy_to_host *f, GError **error);

/*
 * R's domain is at the destination already: does what a migration that was killed before its
 * end had left to do, as its note in directory TO there says, if there is one.
 */
bool copy_to_host_repair(struct migration *r, const char *from, const char *to, GError **error);

/*
 * Removes what was made at the destination, if its libvirt, asked now, has nothing of the VM;
 * else it stays. Faults are logged.
 */
void copy_to_host_undo(struct copy_to_host *f);

void copy_to_host_clear(struct copy_to_host *f);

#endif
