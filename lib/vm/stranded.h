/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stranded.h - recovery after a migration whose client died: the domain is paused at the source and
 * may already run at the destination, which only that host can tell. The destination is kept in the
 * domain's metadata while it is moved, so that the next action can ask it.
 *
 * Source: libvirt leaves the source paused ("migrating") when its client dies between the end of
 * the move and the word of the destination; docs/facts/libvirt.md J.
 */
#ifndef VM_STRANDED_H
#define VM_STRANDED_H

#include "action/action.h"

/* Notes in the live domain that it is moved to HOST, which was checked; NULL: not any more. */
bool stranded_note(virDomain *dom, const char *host, GError **error);

/*
 * To be asked before anything is done with DOM, in STATE. True: it is the VM, and it is not
 * paused for a job that no longer exists; one that was has been resumed, and STATE is new. False:
 * VMM_ERROR_REFUSED, it runs elsewhere or may; RET_THERE (may be NULL), to be freed by the
 * caller, is libvirt's URI of the host where it was found alive, else NULL.
 */
bool stranded_check(const struct action_ctx *ctx, virDomain *dom, struct virt_state *state,
		    char **ret_there, GError **error);

/*
 * Whether DOM may be taken for nobody's: the host that it was moved to, if one is noted, was asked
 * and has it not. False: VMM_ERROR_REFUSED, or that host does not answer.
 */
bool stranded_is_not_there(const struct action_ctx *ctx, virDomain *dom, GError **error);

#endif
