/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict.h - where a VM is after a migration: what the two hosts say of it, as one table.
 *
 * Whether two copies of a guest run is decided here, and nowhere else. Each host reports a state;
 * migrate_side_of() makes one of six of it, and migrate_verdict_of() looks up the pair.
 * Source: libvirt.md J; measured: libvirt pauses a source with reason "migration" before the
 * destination resumes the guest, and a destination is paused with "migration" or "starting up"
 * until then.
 */
#ifndef MIGRATE_VERDICT_H
#define MIGRATE_VERDICT_H

#include "virt/virt_domain.h"

enum migrate_side {
	SIDE_ABSENT,	/* libvirt answered that the domain is not there */
	SIDE_RUNNING,
	SIDE_PAUSED,	/* by a user, or for an I/O error */
	SIDE_MOVING,	/* paused for the migration: it is still coming in at the destination, */
			/* or the source has handed over or is about to */
	SIDE_POSTCOPY,	/* a part of its memory is still on the other host */
	SIDE_AWAKE,	/* neither running nor paused: suspended to RAM, crashed, shutting down */
	SIDES
};

enum migrate_location {
	MIGRATE_AT_SOURCE,		/* only there, as before */
	MIGRATE_AT_DESTINATION,		/* moved; what is left at the source is not running */
	MIGRATE_NOWHERE,
	MIGRATE_AT_BOTH,		/* both run: must never be */
	MIGRATE_ORPHAN,			/* the destination waits for a source that is gone */
	MIGRATE_SPLIT,			/* its memory is on both hosts: neither is complete */
	MIGRATE_LOCATION_UNKNOWN,	/* one of the hosts does not say */
};

struct migrate_verdict {
	enum migrate_location location;
	bool wait;	/* libvirt is still moving it: look again; LOCATION if it stays so */
};

/* What STATE of one host means; IS_SOURCE: of the host that the VM came from. */
enum migrate_side migrate_side_of(const struct virt_state *state, bool is_source);

/* What the two sides mean together. Never MIGRATE_LOCATION_UNKNOWN. */
struct migrate_verdict migrate_verdict_of(enum migrate_side source, enum migrate_side dest);

#endif
