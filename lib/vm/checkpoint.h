/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint.h - a guest's memory in a file: made whole or not at all, and used once.
 *
 * While it is written it is called FILE.part; a file called FILE is complete; how it is used up
 * is in checkpoint_use.h. All are readable by their owner only.
 * Source: docs/facts/actions.md 5 and 6; libvirt.md A and E.
 */
#ifndef VM_CHECKPOINT_H
#define VM_CHECKPOINT_H

#include "action/action.h"
#include "xml/xml.h"

/*
 * Moves the complete checkpoint FILE.part to FILE, when that is there: an earlier action was
 * ended between the two. False, with ERROR: there is no complete checkpoint FILE.
 */
bool checkpoint_recover(const struct action_ctx *ctx, const char *file, GError **error);

/* The domain in checkpoint PATH, with its secrets. The caller frees. */
xmlDoc *checkpoint_domain(const struct action_ctx *ctx, const char *path, GError **error);

/*
 * Whether FILE was made, a short while ago, of the VM with that UUID or name, or with
 * id VM_ID: a save that is asked for again.
 */
bool checkpoint_is_recent(const struct action_ctx *ctx, const char *file, const char *deploy_id,
			  const char *vm_id);

/*
 * Saves DOM to FILE and ends it. A file in the way gets the time as a suffix. DONE: FILE is
 * complete. FAILED: DOM is there as before. The deadline and signals abort it.
 */
enum action_outcome checkpoint_save(struct action_ctx *ctx, virDomain *dom, const char *file,
				    GError **error);

/*
 * Ends DOM when it is what a restore leaves whose libvirtd died: a guest that came in from its
 * checkpoint and never ran. Waits a while for one that is still coming. RET_ENDED: it is
 * gone, and may be restored again. VMM_ERROR_REFUSED: it is what a migration left, see stranded.h.
 */
bool checkpoint_end_half(const struct action_ctx *ctx, virDomain *dom, bool *ret_ended,
			 GError **error);

/*
 * Decides about FILE when the domain is not there (libvirt has just said so). True: FILE may be
 * restored; one that a restore which did not end had begun to use is FILE again, as no
 * guest ran from it. VMM_ERROR_REFUSED: a guest ran from it, or may have.
 */
bool checkpoint_settle(const struct action_ctx *ctx, const char *file, const char *vm_id,
		       GError **error);

/*
 * Starts the domain of FILE, whose domain is DOC (from checkpoint_domain()), changed if XML is not
 * NULL. VMM_ERROR_REFUSED: it was used before, or a disk is newer. RET_DOM (the caller frees) is
 * set when DONE: it is there, and FILE is gone. FAILED: it is not, and FILE is there
 * as before, unless ERROR says that a guest may have run. UNKNOWN: FILE is FILE.restoring.
 * A signal waits for its end, for some seconds; then, as at the deadline, nobody knows.
 */
enum action_outcome checkpoint_restore(struct action_ctx *ctx, const char *file,
				       const xmlNode *domain, const char *xml,
				       virDomain **ret_dom, GError **error);

#endif
