/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stranded.h - a domain that stands still at the end of a migration: whether it was the one that
 * came to life at the other host, only that host can tell. Which host that is is kept with the
 * domain while it is moved, for whoever comes when the mover has died.
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
 * To be asked before anything is done with DOM, in STATE. True: it is the VM, and it does not
 * stand still for what nobody does any more; one that did was resumed, STATE is new. False:
 * VMM_ERROR_REFUSED, it lives elsewhere or may; RET_THERE (may be NULL), to be freed by the
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
