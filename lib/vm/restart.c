/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/restart.h"

#include "action/reconcile.h"

enum action_outcome restart_domain(struct action_ctx *ctx, const char *verb,
				   const struct restart_way *ways, size_t n, GError **error)
{
	g_autoptr(virDomain) dom = action_domain(ctx, error);
	const char *name = dom ? virDomainGetName(dom) : NULL;
	enum virt_call_result answer = VIRT_CALL_TIMED_OUT;
	struct virt_state state;

	if (!dom)
		return ACTION_FAILED;
	if (!virt_state_read(dom, &state, error))
		return ACTION_FAILED;
	/* libvirt would say yes, and nothing would happen. */
	if (state.gone || virt_state_is_unresponsive(&state) || !virt_state_is_up(&state)) {
		vmm_fail(error, VMM_ERROR_REFUSED, "cannot %s domain %s: it is %s", verb, name,
			 state.gone ? "not running" : virt_state_name(&state));
		return ACTION_FAILED;
	}

	if (ctx->dry_run) {
		action_print(ctx, "would %s domain %s\n", verb, name);
		return ACTION_DONE;
	}

	action_on_abort(ACTION_UNKNOWN, "the %s of domain %s", verb, name);
	for (size_t i = 0; i < n && answer == VIRT_CALL_TIMED_OUT; i++)
		answer = virt_power_request(dom, ways[i].request,
					    action_left_ms(ctx, ways[i].limit_ms), error);
	switch (answer) {
	case VIRT_CALL_OK:
		return ACTION_DONE;
	case VIRT_CALL_FAILED:
		return reconcile_failure(ctx);
	default:
		vmm_fail(error, VMM_ERROR_GUEST, "cannot %s domain %s: its QEMU does not answer",
			 verb, name);
		return ACTION_UNKNOWN;
	}
}
