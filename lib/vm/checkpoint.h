/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint.h - saves a guest's memory to a file, whole or not at all, and restores it once.
 *
 * While it is written it is called FILE.part; a file called FILE is complete; checkpoint_use.h
 * makes sure that it is used once. All are readable by their owner only. Source:
 * docs/facts/actions.md 5 and 6; libvirt.md A and E.
 */
#ifndef VM_CHECKPOINT_H
#define VM_CHECKPOINT_H

#include "action/action.h"
#include "xml/xml.h"

/*
 * Renames a complete FILE.part to FILE, if an earlier action was killed before it could. False,
 * with ERROR: there is no complete checkpoint FILE.
 */
bool checkpoint_recover(const struct action_ctx *ctx, const char *file, GError **error);

/* The domain in checkpoint PATH, with its secrets. The caller frees. */
xmlDoc *checkpoint_domain(const struct action_ctx *ctx, const char *path, GError **error);

/*
 * The same of the VM's own; DEPLOY_ID (NULL: of any): its name or UUID. VMM_ERROR_REFUSED: PATH is
 * another VM's.
 */
xmlDoc *checkpoint_domain_of(const struct action_ctx *ctx, const char *path, const char *deploy_id,
			     const char *vm_id, GError **error);

/*
 * Whether FILE was made, in the last ten minutes or since a request of that AGE_S (-1: not known),
 * of the VM with that UUID or name, or with id VM_ID: then a repeated save has succeeded already.
 */
bool checkpoint_is_recent(const struct action_ctx *ctx, const char *file, const char *deploy_id,
			  const char *vm_id, gint64 age_s);

/*
 * Saves DOM to FILE and ends it. An existing file gets the time as a suffix. DONE: FILE is
 * complete. FAILED: DOM is as before. The deadline and signals abort it.
 */
enum action_outcome checkpoint_save(struct action_ctx *ctx, virDomain *dom, const char *file,
				    GError **error);

/*
 * Destroys DOM if a restore of PATH (FILE or FILE.restoring) left it half restored, as when
 * libvirtd dies meanwhile: its guest never ran. Waits a while for a restore that is still in
 * progress. RET_ENDED: it is gone, and may be restored again. VMM_ERROR_REFUSED: a migration left
 * it, see stranded.h. VMM_ERROR_BUSY or VMM_ERROR_TIMEOUT: libvirt still works on it, so that its
 * guest may run in a moment.
 */
bool checkpoint_end_half(const struct action_ctx *ctx, virDomain *dom, const char *path,
			 bool *ret_ended, GError **error);

/*
 * Decides whether FILE may be restored, if the domain does not exist (libvirt has just said so).
 * True: it may; if an interrupted restore had begun to use it, FILE.restoring is FILE again, as no
 * guest ran from it. VMM_ERROR_REFUSED: a guest ran from it, or may have.
 */
bool checkpoint_may_restore(const struct action_ctx *ctx, const char *file, const char *vm_id,
			    GError **error);

/*
 * Restores FILE, which holds DOMAIN (from checkpoint_domain()), as XML if that is not NULL.
 * VMM_ERROR_REFUSED: it was used before, or a disk is newer. DONE: RET_DOM (the caller frees) runs,
 * and FILE is removed. FAILED: it does not run, and FILE is as before unless ERROR says that a
 * guest may have run. UNKNOWN: FILE is now FILE.restoring. After a signal the restore gets some
 * seconds to end; then, as at the deadline, the outcome is unknown.
 */
enum action_outcome checkpoint_restore(struct action_ctx *ctx, const char *file,
				       const xmlNode *domain, const char *xml,
				       virDomain **ret_dom, GError **error);

#endif
