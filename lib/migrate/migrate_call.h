/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_call.h - moves a running domain to another host: checks whether that host can run it,
 * makes the call, and finds out where the domain is afterwards.
 *
 * Source: docs/facts/actions.md 7; libvirt.md J.
 */
#ifndef MIGRATE_MIGRATE_CALL_H
#define MIGRATE_MIGRATE_CALL_H

#include "virt/domain_job.h"
#include "migrate/migrate_options.h"
#include "migrate/verdict.h"

/*
 * Checks that the host of DEST can run DOM: it is another host, has no domain of that name or UUID,
 * and has the emulator, the machine type and the CPU model. ERROR names what is missing. Bridges
 * and disks are left to libvirt, which checks them before it moves anything: its list of a host's
 * interfaces may be stale.
 */
bool migrate_check(virDomain *dom, virConnect *dest, GError **error);

struct migrate_move {
	virDomain *dom;
	virConnect *dest;
	const char *dest_uri;
	const MigrateOptions *how;
	struct virt_job job;	/* when to abort it and where to report; its call is set here */
};

/*
 * Moves it. Whatever it returns, only migrate_locate() says where the domain is.
 * RET_ABORTED as virt_job_run().
 */
enum virt_call_result migrate_call(const struct migrate_move *move, bool *ret_aborted,
				   GError **error);

struct migrate_sides {
	virDomain *source, *dest;	/* NULL: not there */
	struct virt_state source_state, dest_state;
};

void migrate_sides_clear(struct migrate_sides *sides);

/*
 * Looks for the domain of UUID on both hosts, and again until UNTIL_US (monotonic) while libvirt is
 * still moving it or the source's answer changes meanwhile; verdict.h says what the two states
 * mean. MIGRATE_LOCATION_UNKNOWN: ERROR is set, a host does not answer, neither copy is complete,
 * or what was seen was never true at one moment. The caller clears RET.
 */
enum migrate_location migrate_locate(virConnect *source, virConnect *dest, const char *uuid,
				     gint64 until_us, struct migrate_sides *ret, GError **error);

#endif
