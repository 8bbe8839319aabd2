/* reset - restarts a VM as its reset button would. */
#include "action/action.h"
#include "virt/request.h"

enum { ANSWER_MS = 40000 };	/* libvirt itself waits 30 s for another job's end */

static enum action_outcome run(struct action_ctx *ctx, GError **error)
{
	g_autoptr(virDomain) dom = action_domain(ctx, error);
	const char *name = dom ? virDomainGetName(dom) : NULL;
	struct virt_state state;

	if (!dom || !virt_state(dom, &state, error))
		return ACTION_FAILED;
	/* libvirt would say yes, and nothing would happen. */
	if (state.gone || virt_state_is_deaf(&state) || !virt_state_is_up(&state)) {
		vmm_fail(error, VMM_ERROR_REFUSED, "cannot reset domain %s: it is %s", name,
			 state.gone ? "not running" : virt_state_name(&state));
		return ACTION_FAILED;
	}
	if (ctx->dry_run) {
		action_print(ctx, "would reset domain %s\n", name);
		return ACTION_DONE;
	}
	action_outcome(ACTION_UNKNOWN, "the reset of domain %s", name);
	switch (virt_request(dom, VIRT_RESET, action_left_ms(ctx, ANSWER_MS), error)) {
	case VIRT_LATE_OK:
		return ACTION_DONE;
	case VIRT_LATE_FAILED:
		return virConnectIsAlive(ctx->conn) == 1 ? ACTION_FAILED : ACTION_UNKNOWN;
	default:
		vmm_fail(error, VMM_ERROR_GUEST, "cannot reset domain %s: its QEMU does not "
			 "answer", name);
		return ACTION_UNKNOWN;
	}
}

const struct action action = {
	.name = "reset", .usage = "DEPLOY_ID [HOST [VM_ID]]",
	.summary = "Restarts a VM as its reset button would.",
	.min_args = 1, .deadline_s = 100, .run = run,
};
