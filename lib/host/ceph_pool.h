/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ceph_pool.h - checkpoints of VMs whose system datastore is a Ceph pool: they are kept
 * there, as the host's own disk belongs to no datastore.
 *
 * Source: docs/facts/actions.md 5 and 6, save.ceph and restore.ceph.
 */
#ifndef HOST_CEPH_POOL_H
#define HOST_CEPH_POOL_H

#include "action/request_input.h"

enum ceph_way {
	CEPH_STORE,	/* into the pool, where it replaces an older one; the file is removed */
	CEPH_FETCH,	/* out of it, as a file (0600), unless that is there; the pool keeps it */
};

/* All of an action that moves checkpoint FILE between the host and the pool that stdin names. */
enum action_outcome ceph_pool_move(struct action_ctx *ctx, enum ceph_way way, const char *vm_id,
				   const char *file, GError **error);

/*
 * Before a guest may run from it: renames it in the pool, if the VM's datastore is one at all, so
 * that no other host takes it again. False: it was not, or that is not known.
 */
bool ceph_pool_begin(const struct action_ctx *ctx, const TmplRequest *d, const char *vm_id,
		     GError **error);

/* No guest ran from it: its old name. A failure is logged. */
void ceph_pool_back(const struct action_ctx *ctx, const TmplRequest *d, const char *vm_id);

/* Removes what was renamed from the pool. A failure is logged. */
void ceph_pool_forget(const struct action_ctx *ctx, const TmplRequest *d, const char *vm_id);

#endif
