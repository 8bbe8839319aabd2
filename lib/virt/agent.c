/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/agent.h"

#include <libvirt/libvirt-qemu.h>

#include "virt/domain_call.h"
#include "virt/virt_error.h"

enum { RESERVE_S = 35 };	/* libvirt waits 30 s for another one's turn to end */

static bool ask_agent(DomainCall *c, GError **error)
{
	c->answer = virDomainQemuAgentCommand(c->dom, c->text, (int)c->number, 0);
	if (c->answer)
		return true;

	return virt_fail(error, "the agent of domain %s", virDomainGetName(c->dom));
}

static bool ask_monitor(DomainCall *c, GError **error)
{
	if (virDomainQemuMonitorCommand(c->dom, c->text, &c->answer, 0) == 0)
		return true;

	return virt_fail(error, "the monitor of domain %s", virDomainGetName(c->dom));
}

char *virt_agent(virDomain *dom, const char *command, unsigned limit_s, GError **error)
{
	g_autoptr(DomainCall) c = domain_call_new(dom, command);
	enum virt_call_result r;

	c->number = limit_s;
	r = domain_call_run(c, ask_agent, (limit_s + RESERVE_S) * 1000, error);
	if (r == VIRT_CALL_TIMED_OUT) {
		vmm_fail(error, VMM_ERROR_GUEST, "the agent of domain %s does not answer",
			 virDomainGetName(dom));
		return NULL;
	}

	return g_strdup(c->answer);
}

char *virt_monitor(virDomain *dom, const char *command)
{
	g_autoptr(DomainCall) c = domain_call_new(dom, command);

	if (domain_call_run(c, ask_monitor, RESERVE_S * 1000, NULL) == VIRT_CALL_TIMED_OUT)
		return NULL;

	return g_strdup(c->answer);
}
