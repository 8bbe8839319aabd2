/*
 * checkpoint.h - a guest's memory in a file: made whole or not at all, and taken away
 * only when the guest runs again.
 *
 * While it is written it is called FILE.part; a file called FILE is complete. Both are
 * readable by their owner only.
 * Source: actions.md 5 and 6; libvirt-facts.md A and E.
 */
#ifndef ACTION_CHECKPOINT_H
#define ACTION_CHECKPOINT_H

#include "action/action.h"
#include "tmpl/xml.h"

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
 * gone, and may be restored again. VMM_ERROR_REFUSED: it is what a migration left, see leaving.h.
 */
bool checkpoint_end_half(const struct action_ctx *ctx, virDomain *dom, bool *ret_ended,
			 GError **error);

/*
 * Starts the domain of FILE, with XML unless that is NULL. RET_DOM (the caller frees) is set when
 * DONE: it is there. FILE stays.
 */
enum action_outcome checkpoint_restore(struct action_ctx *ctx, const char *file, const char *xml,
				       const char *name, virDomain **ret_dom, GError **error);

#endif
