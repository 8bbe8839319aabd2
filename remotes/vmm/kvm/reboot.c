/* reboot - asks the guest of a running VM to restart. */
#include "action/action.h"
#include "virt/request.h"

/* libvirt asks the agent first, and waits without limit for one that hangs. */
enum { AGENT_MS = 15000, ANSWER_MS = 40000 };

static enum action_outcome run(struct action_ctx *ctx, GError **error)
{
	g_autoptr(virDomain) dom = action_domain(ctx, error);
	const char *name = dom ? virDomainGetName(dom) : NULL;
	struct virt_state state;
	enum virt_late r;

	if (!dom || !virt_state(dom, &state, error))
		return ACTION_FAILED;
	/* libvirt would say yes, and nothing would happen. */
	if (state.gone || virt_state_is_deaf(&state) || !virt_state_is_up(&state)) {
		vmm_fail(error, VMM_ERROR_REFUSED, "cannot reboot domain %s: it is %s", name,
			 state.gone ? "not running" : virt_state_name(&state));
		return ACTION_FAILED;
	}
	if (ctx->dry_run) {
		action_print(ctx, "would reboot domain %s\n", name);
		return ACTION_DONE;
	}
	action_outcome(ACTION_UNKNOWN, "the reboot of domain %s", name);
	r = virt_request(dom, VIRT_REBOOT, action_left_ms(ctx, AGENT_MS), error);
	if (r == VIRT_LATE_LATE)
		r = virt_request(dom, VIRT_REBOOT_ACPI, action_left_ms(ctx, ANSWER_MS), error);
	switch (r) {
	case VIRT_LATE_OK:
		return ACTION_DONE;
	case VIRT_LATE_FAILED:
		return virConnectIsAlive(ctx->conn) == 1 ? ACTION_FAILED : ACTION_UNKNOWN;
	default:
		vmm_fail(error, VMM_ERROR_GUEST, "cannot reboot domain %s: its QEMU does not "
			 "answer", name);
		return ACTION_UNKNOWN;
	}
}

const struct action action = {
	.name = "reboot", .usage = "DEPLOY_ID [HOST [VM_ID]]",
	.summary = "Asks the guest of a running VM to restart.",
	.min_args = 1, .deadline_s = 100, .run = run,
};
