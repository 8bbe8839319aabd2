/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_to_host.h - copies the files of a VM that migrates without shared storage: phases 2 and 6 of
 * migration.h.
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
	char *note;		/* file here, copied too: what is left to do until the end */
	GPtrArray *copied_again;	/* paths here of disks to copy once the guest is paused */
	bool resume;		/* the guest was running */
	MadeFiles *made;		/* at the destination, to remove when the VM stays */
};

/*
 * Inspects the disks, checks free space, copies files that do not change and creates target images,
 * in directory TO of R's destination. Sets in R->how which disks to copy, and that the guest is
 * left paused there. On failure everything is removed again.
 */
bool copy_to_host_prepare(struct copy_to_host *f, struct migration *r, const char *from,
			  const char *to, GError **error);

/* After the move: copies what changed, and resumes the guest. False: it stays paused there. */
bool copy_to_host_finish(struct copy_to_host *f, GError **error);

/*
 * R's domain is at the destination already: finishes a migration that was killed, as its note in
 * directory TO there says, if there is one.
 */
bool copy_to_host_repair(struct migration *r, const char *from, const char *to, GError **error);

/*
 * Removes what was made at the destination, but only if its libvirt, asked now, does not have the
 * VM. Faults are logged.
 */
void copy_to_host_undo(struct copy_to_host *f);

void copy_to_host_clear(struct copy_to_host *f);

#endif
