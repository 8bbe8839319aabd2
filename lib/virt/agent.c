#include "virt/agent.h"

#include <libvirt/libvirt-qemu.h>

#include "virt/error.h"
#include "virt/late.h"

enum { RESERVE_S = 35 };	/* libvirt waits 30 s for another one's turn to end */

struct call {
	virDomain *dom;
	char *command, *answer;
	unsigned limit_s;
};

static void call_free(void *data)
{
	struct call *c = data;

	virDomainFree(c->dom);
	g_free(c->command);
	free(c->answer);
	g_free(c);
}

static bool ask(void *data, GError **error)
{
	struct call *c = data;

	c->answer = virDomainQemuAgentCommand(c->dom, c->command, (int)c->limit_s, 0);
	return c->answer || virt_fail(error, "the agent of domain %s",
				      virDomainGetName(c->dom));
}

char *virt_agent(virDomain *dom, const char *command, unsigned limit_s, GError **error)
{
	struct call *c = g_new0(struct call, 1);
	enum virt_late r;
	char *answer;

	virDomainRef(dom);
	c->dom = dom;
	c->command = g_strdup(command);
	c->limit_s = limit_s;
	r = virt_late_call(ask, c, call_free, (limit_s + RESERVE_S) * 1000, error);
	if (r == VIRT_LATE_LATE) {
		vmm_fail(error, VMM_ERROR_GUEST, "the agent of domain %s does not answer",
			 virDomainGetName(dom));
		return NULL;
	}
	answer = g_strdup(c->answer);
	call_free(c);
	return answer;
}
