/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prepared_disks.h - a VM's disks, made by kvm-image before its domain and removed after it, for
 * an administrator without a front-end.
 *
 * Source: kvm-image(1).
 */
#ifndef VM_PREPARED_DISKS_H
#define VM_PREPARED_DISKS_H

#include <libxml/tree.h>

#include "action/action.h"

/*
 * Makes the disks of VM document TEXT in DIRECTORY, where DOMAIN looks for them; in a dry run
 * prints what would be made. RET_MADE: they were not there before. Errors: VMM_ERROR_INPUT,
 * DOMAIN looks elsewhere; those of kvm-image, which leaves nothing then.
 */
bool prepared_disks_make(struct action_ctx *ctx, const GString *text, const xmlNode *domain,
			 const char *directory, bool *ret_made, GError **error);

/*
 * Removes what prepared_disks_make() made in DIRECTORY, of the VM whose document is there.
 * DIRECTORY NULL, not known: VMM_ERROR_INPUT.
 */
bool prepared_disks_dispose(const struct action_ctx *ctx, const char *directory, GError **error);

/* The same after a deploy that failed: what cannot be removed is logged. */
void prepared_disks_undo(const struct action_ctx *ctx, const char *directory);

#endif
