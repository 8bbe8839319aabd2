/*
 * ceph.h - checkpoints of VMs whose system datastore is a Ceph pool: they are kept
 * there, as the host's own disk belongs to no datastore.
 *
 * Source: actions.md 5 and 6, save.ceph and restore.ceph.
 */
#ifndef ACTION_CEPH_H
#define ACTION_CEPH_H

#include "action/document.h"

/* Puts FILE into the pool, replaces an older one there, and removes FILE. */
bool ceph_store(const struct action_ctx *ctx, const Document *d, const char *vm_id,
		const char *file, GError **error);

/* Makes FILE (0600) from what the pool holds, unless FILE is there. The pool keeps it. */
bool ceph_fetch(const struct action_ctx *ctx, const Document *d, const char *vm_id,
		const char *file, GError **error);

/* Removes it from the pool, if the VM's datastore is one at all. A failure is logged. */
void ceph_forget(const struct action_ctx *ctx, const Document *d, const char *vm_id);

#endif
