/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stranded.h - recovery after a migration whose client died: the domain is paused at the source and
 * may already run at the destination, which only that host can tell. The destination is kept in the
 * domain's metadata while it is moved, so that the next action can ask it. If the VM is not there,
 * it never was, or it has ended there: its disks tell (last_writer.h).
 *
 * Source: libvirt leaves the source paused ("migrating") when its client dies between the end of
 * the move and the word of the destination; docs/facts/libvirt.md J. Measured: a guest that a user
 * had paused is "paused (user)" on both hosts then; the source's QEMU says "postmigrate" until it
 * is resumed.
 */
#ifndef VM_STRANDED_H
#define VM_STRANDED_H

#include "action/action.h"

/* Notes in the running domain that it is being moved to HOST (checked); NULL: removes the note. */
bool stranded_note(virDomain *dom, const char *host, GError **error);

/* RET: whether it has such a note. */
bool stranded_is_noted(virDomain *dom, bool *ret, GError **error);

/*
 * Call it before anything is done with DOM, in STATE. True: DOM is the VM. If it was paused for a
 * job that no longer exists, it has been resumed and STATE updated; what a user paused stays so.
 * False: VMM_ERROR_REFUSED, it
 * is on another host or may be; RET_THERE (may be NULL) is the libvirt URI of the host where it was
 * found, else NULL; the caller frees.
 */
bool stranded_check(const struct action_ctx *ctx, virDomain *dom, struct virt_state *state,
		    char **ret_there, GError **error);

/* As stranded_check(), of a domain without a job; nothing is resumed. */
bool stranded_look(const struct action_ctx *ctx, virDomain *dom, const struct virt_state *state,
		   char **ret_there, GError **error);

/*
 * Waits until no job of DOM is left, and continues as stranded_check(). RET is the state then.
 * False: also when that is not known.
 */
bool stranded_wait_idle(const struct action_ctx *ctx, virDomain *dom, struct virt_state *ret,
			GError **error);

/*
 * DOM is paused here for its migration to WHERE (a host or URI), and not there now. True: nobody
 * has run it since, so that it may be resumed. False: VMM_ERROR_REFUSED, it may have run there, and
 * ended: its memory here may be older than its disks.
 */
bool stranded_check_memory(virDomain *dom, const char *where, GError **error);

/*
 * Before paused DOM is ended because it was half restored from CHECKPOINT. True if it is not the
 * VM, nor a copy of it: the host that it was moved to, if any, was asked and does not have it, and
 * its guest has not run since CHECKPOINT was made. False: VMM_ERROR_REFUSED, also if that is not
 * known, or that host does not answer.
 */
bool stranded_is_no_vm(const struct action_ctx *ctx, virDomain *dom, const char *checkpoint,
		       GError **error);

/*
 * Before DOM, in STATE, is ended or changed as the VM. False: it is only what a migration left
 * here, and the VM runs on the host that DOM was moved to (VMM_ERROR_REFUSED), or that host does
 * not answer. Nothing is resumed.
 */
bool stranded_is_vm(const struct action_ctx *ctx, virDomain *dom, const struct virt_state *state,
		    GError **error);

#endif
