/*
 * migrate_call.h - moving a running domain to another host: whether that host can
 * take it, the move, and what is true on both hosts afterwards.
 *
 * Source: actions.md 7; libvirt-facts.md J.
 */
#ifndef MIGRATE_MIGRATE_CALL_H
#define MIGRATE_MIGRATE_CALL_H

#include "virt/domain_job.h"
#include "migrate/migrate_options.h"

/*
 * Whether the host of DEST can take DOM, as far as it can be told beforehand:
 * another host, no domain of that name or UUID there, the emulator, the machine
 * type, the CPU model. ERROR names what is missing. Bridges and disks are for
 * libvirt to look at, before it moves anything: what it lists of a host's
 * interfaces may be older than they are.
 */
bool virt_migrate_check(virDomain *dom, virConnect *dest, GError **error);

struct virt_move {
	virDomain *dom;
	virConnect *dest;
	const char *dest_uri;
	const VirtMigration *how;
	struct virt_job job;	/* when to abort it and whom to tell; the call is ours */
};

/*
 * Moves it. Whatever it returns, only virt_migrate_look() says where the domain is.
 * RET_ABORTED as virt_job_run().
 */
enum virt_late virt_migrate(const struct virt_move *move, bool *ret_aborted, GError **error);

enum virt_whereabouts {
	VIRT_AT_SOURCE,		/* only there, as before */
	VIRT_AT_DESTINATION,	/* moved; what is left at the source is not running */
	VIRT_NOWHERE,
	VIRT_AT_BOTH,		/* both run: must never be */
	VIRT_WHO_KNOWS,		/* one of the hosts does not say; ERROR is set */
};

struct virt_sides {
	virDomain *source, *dest;	/* NULL: not there */
	struct virt_state source_state, dest_state;
};

void virt_sides_clear(struct virt_sides *sides);

/*
 * Looks for the domain of UUID on both hosts. One that is still coming in or going
 * out is waited for until UNTIL_US (monotonic); after that an incoming one is
 * not there, a source that stopped for it is. The caller clears RET.
 */
enum virt_whereabouts virt_migrate_look(virConnect *source, virConnect *dest, const char *uuid,
					gint64 until_us, struct virt_sides *ret, GError **error);

#endif
