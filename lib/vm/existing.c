/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/existing.h"

#include <unistd.h>

#include "vm/checkpoint.h"
#include "vm/checkpoint_use.h"
#include "vm/stranded.h"

enum { LOOK_MS = 10000 };

/*
 * Removes DOM, the half-restored domain of a restore that was killed, when it is that. RET_REMOVED:
 * it was, and the checkpoint is whole again.
 */
static enum action_outcome remove_half(struct action_ctx *ctx, virDomain *dom, const char *file,
				       bool begun, bool *ret_removed, GError **error)
{
	g_autofree char *path = begun ? checkpoint_use_path(file) : g_strdup(file);
	g_autoptr(GError) cause = NULL;
	enum action_outcome outcome = ACTION_UNKNOWN;

	if (ctx->dry_run)
		return ACTION_DONE;
	if (access(path, F_OK) < 0)
		return ACTION_DONE;

	if (!checkpoint_end_half(ctx, dom, path, ret_removed, &cause)) {
		if (vmm_is(cause, VMM_ERROR_REFUSED))
			outcome = ACTION_FAILED;
		vmm_pass(error, &cause);
		return outcome;
	}

	if (*ret_removed && begun && !checkpoint_use_undo(file, error))
		return ACTION_FAILED;

	return ACTION_DONE;
}

/* Whether FILE.restoring is what is restored: not when another FILE was put there since. */
static bool is_begun(const char *file)
{
	if (!checkpoint_use_has(file))
		return false;
	if (access(file, F_OK) < 0)
		return true;

	return checkpoint_use_is_begun(file);
}

enum action_outcome existing_find(struct action_ctx *ctx, const char *file, const char *deploy_id,
				  const char *vm_id, struct existing *ret, GError **error)
{
	bool removed = false;
	g_autoptr(virDomain) dom = NULL;
	g_autoptr(GError) cause = NULL;
	enum action_outcome outcome;

	/* A restore whose caller died may not have reached libvirt yet. */
	if (checkpoint_use_has(file) &&
	    !virt_barrier(ctx->conn, action_left_ms(ctx, LOOK_MS), error))
		return ACTION_FAILED;
	if (!deploy_id)
		return ACTION_DONE;

	dom = virt_domain(ctx->conn, deploy_id, vm_id, &cause);
	if (!dom) {
		if (vmm_is(cause, VMM_ERROR_NOT_FOUND))
			return ACTION_DONE;
		vmm_pass(error, &cause);
		return ACTION_FAILED;
	}

	outcome = remove_half(ctx, dom, file, is_begun(file), &removed, error);
	if (outcome != ACTION_DONE)
		return outcome;
	if (removed)
		return outcome;

	if (!virt_state_read(dom, &ret->state, error))
		return ACTION_FAILED;
	if (ret->state.gone)
		return ACTION_DONE;
	/* Resumes a domain that an ended job left paused, unless it is only a copy of the VM. */
	if (!ctx->dry_run && !stranded_check(ctx, dom, &ret->state, NULL, error))
		return ACTION_FAILED;
	if (!ret->state.gone)
		ret->dom = g_steal_pointer(&dom);

	return ACTION_DONE;
}
