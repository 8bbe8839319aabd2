/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/awake.h"

#include "base/deadline.h"
#include "virt/agent.h"
#include "virt/power.h"

enum { WAKE_MS = 30000, AWAKE_MS = 15000, NO_AGENT_US = 3000000, PING_S = 2, PAUSE_MS = 200 };

static const char ping[] = "{\"execute\":\"guest-ping\"}";

/* An agent that stays silent keeps nothing back for longer than AWAKE_MS. */
static void await_agent(const struct action_ctx *ctx, virDomain *dom)
{
	gint64 until_us = deadline_in_ms(action_left_ms(ctx, AWAKE_MS));

	do {
		g_autoptr(GError) error = NULL;
		g_autofree char *answer = virt_agent(dom, ping, PING_S, &error);

		if (answer)
			return;
		if (vmm_is(error, VMM_ERROR_INCOMPATIBLE)) {
			g_usleep(NO_AGENT_US);
			return;
		}
	} while (deadline_pause(until_us, PAUSE_MS));
}

bool awake_guest(const struct action_ctx *ctx, virDomain *dom, GError **error)
{
	const char *name = virDomainGetName(dom);
	enum virt_call_result r;
	struct virt_state state;

	if (!virt_state_read(dom, &state, error))
		return false;
	if (state.state != VIR_DOMAIN_PMSUSPENDED)
		return true;

	action_log("INFO", "waking up domain %s, which suspended itself", name);
	r = virt_power_request(dom, VIRT_WAKE_UP, action_left_ms(ctx, WAKE_MS), error);
	if (r == VIRT_CALL_TIMED_OUT)
		return vmm_fail(error, VMM_ERROR_TIMEOUT,
				"waking up domain %s: QEMU is not responding", name);
	if (r != VIRT_CALL_OK)
		return false;

	await_agent(ctx, dom);

	return true;
}
