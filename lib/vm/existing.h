/* SPDX-License-Identifier: Apache-2.0 */
/*
 * existing.h - what exists of a VM before it is restored: nothing, the VM itself, or a
 * half-restored domain of an earlier restore that was killed.
 *
 * Source: docs/facts/actions.md 6; libvirt.md E.
 */
#ifndef VM_EXISTING_H
#define VM_EXISTING_H

#include "action/action.h"

struct existing {
	virDomain *dom;			/* NULL: the VM is not there */
	struct virt_state state;	/* of DOM */
};

/*
 * Looks for the VM that DEPLOY_ID (NULL: none is known) or one-VM_ID names. A half-restored domain
 * of checkpoint FILE is destroyed, and FILE can be restored again; one that is the VM, paused for a
 * job that is over, is resumed (stranded.h). RET is set only with ACTION_DONE; the caller frees
 * RET->dom. ACTION_UNKNOWN: a half-restored domain may still exist.
 */
enum action_outcome existing_find(struct action_ctx *ctx, const char *file, const char *deploy_id,
				  const char *vm_id, struct existing *ret, GError **error);

#endif
