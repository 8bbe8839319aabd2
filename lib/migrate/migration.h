/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migration.h - a live migration as a transaction: whatever fails and whichever process
 * dies, one copy of the VM runs, and the answer says where.
 *
 *   1 look     finds the domain here and not there, and checks that the destination can run it
 *   2 prepare  files at the destination, when storage is not shared; undone on failure
 *   3 part     makes libvirt forget the snapshots (it refuses to move a domain with some)
 *   4 move     virDomainMigrate3() or, peer to peer, virDomainMigrateToURI3()
 *   5 judge    asks both hosts where the domain is, whatever the call returned
 *   6 finish   moved: registers the snapshots there, resumes the guest; stayed: registers them
 *              here, removes the incoming domain there and the files of phase 2
 *
 * Until the end of 4 a signal or the deadline aborts the move, and the VM stays.
 * Source: docs/facts/actions.md 7; libvirt.md J; pitfalls.md P-22 to P-31.
 */
#ifndef MIGRATE_MIGRATION_H
#define MIGRATE_MIGRATION_H

#include "action/action.h"
#include "action/report.h"
#include "migrate/migrate_call.h"
#include "migrate/snapshot_list.h"

struct migration {
	struct action_ctx *ctx;
	const char *dest_host;
	char *dest_uri;
	char uuid[VIR_UUID_STRING_BUFLEN];
	virDomain *dom;			/* at the source; NULL when it is not there */
	virConnect *dest;
	bool was_running;
	MigrateOptions *how;
	SnapshotList *snapshots;
	char *directory;		/* the VM's, at the source; may be NULL */
	struct migrate_sides sides;	/* after phase 5 */
	bool nowhere;			/* after phase 5: it has ended */
};

/*
 * Phase 1: finds the domain of operand 0 and connects to DEST_HOST. ACTION_DONE: continue, or, if
 * R->dom is NULL, it is at the destination already, R->sides.dest. R->how holds MIGRATE_OPTIONS.
 */
enum action_outcome migration_look(struct migration *r, struct action_ctx *ctx,
				   const char *dest_host, GError **error);

/*
 * Phases 3 to 6 but for what the caller prepared. ACTION_DONE: it is at the
 * destination. ACTION_FAILED: at the source as before.
 */
enum action_outcome migration_move(struct migration *r, GError **error);

/* It is at its destination, moved by R or by an earlier migrate that was killed: notes it there. */
void migration_arrived(const struct migration *r);

/* Sets its clock there if kvmrc says so, in the background. */
void migration_after(struct migration *r);

/* root_helper_clean_memory() on another HOST, by ssh; what goes wrong is logged. */
void migration_clean_memory(const struct action_ctx *ctx, const char *name, const char *host);

void migration_clear(struct migration *r);

#endif
