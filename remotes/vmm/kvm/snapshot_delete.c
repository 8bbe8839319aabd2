/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_delete - removes a snapshot from a VM's disks, from libvirt and beside them.
 *
 * First from the images and libvirt, then the copy in the VM's directory: if we die in between, the
 * next request finds the copy without its snapshot and removes it.
 */
#include "vm/snapshot.h"

#include "action/busy.h"
#include "action/reconcile.h"
#include "virt/virt_error.h"
#include "vm/stranded.h"

enum { DEPLOY_ID, NAME };

static bool delete_it(struct action_ctx *ctx, virDomain *dom, virDomainSnapshot *s, GError **error)
{
	g_autoptr(GError) cause = NULL;

	for (int try = 1;; try++) {
		g_clear_error(&cause);
		if (virDomainSnapshotDelete(s, 0) == 0)
			return true;
		if (virt_last_is(VIR_ERR_NO_DOMAIN_SNAPSHOT))
			return true;
		virt_fail(&cause, "cannot delete snapshot %s of domain %s",
			  virDomainSnapshotGetName(s), virDomainGetName(dom));
		if (!action_busy_passed(ctx, dom, try, cause))
			break;
	}

	return vmm_pass(error, &cause);
}

/*
 * A domain that a migration left here has lost its snapshots: their files belong to the VM, which
 * runs elsewhere.
 */
static virDomain *lock_vm(const struct action_ctx *ctx, GError **error)
{
	g_autoptr(virDomain) dom = action_domain_alone(ctx, error);
	struct virt_state state;

	if (!dom)
		return NULL;
	if (!virt_state_read(dom, &state, error))
		return NULL;
	if (!stranded_is_vm(ctx, dom, &state, error))
		return NULL;

	return g_steal_pointer(&dom);
}

static enum action_outcome run_snapshot_delete(struct action_ctx *ctx, GError **error)
{
	const char *name = ctx->arg[NAME];
	g_autoptr(virDomain) dom = lock_vm(ctx, error);
	g_autofree char *directory = dom ? snapshot_directory(ctx, dom, error) : NULL;
	g_autoptr(virDomainSnapshot) s = NULL;
	g_autoptr(GError) cause = NULL;

	if (!directory)
		return ACTION_FAILED;
	if (strchr(name, '/')) {
		vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not the name of a snapshot", name);
		return ACTION_FAILED;
	}

	if (ctx->dry_run) {
		action_print(ctx, "would delete snapshot %s of domain %s\n", name,
			     virDomainGetName(dom));
		return ACTION_DONE;
	}

	s = snapshot_find(dom, directory, name, &cause);
	if (!s && !vmm_is(cause, VMM_ERROR_NOT_FOUND)) {
		vmm_pass(error, &cause);
		return ACTION_FAILED;
	}

	if (!s)
		action_log("INFO", "%s already", cause->message);
	action_on_abort(ACTION_UNKNOWN, "deleting snapshot %s", name);
	if (s && !delete_it(ctx, dom, s, error))
		return reconcile_failure(ctx);

	if (snapshot_forget(dom, directory, name, error))
		return ACTION_DONE;

	return ACTION_FAILED;
}

const struct action action = {
	.name = "snapshot_delete", .usage = "DEPLOY_ID NAME [VM_ID [HOST]]",
	.summary = "Deletes a snapshot of a VM; succeeds if there is no such snapshot.",
	.example = "snapshot_delete one-7 snap-0",
	.min_args = 2, .deadline_s = 3500, .run = run_snapshot_delete,
};
