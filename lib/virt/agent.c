#include "virt/agent.h"

#include <libvirt/libvirt-qemu.h>

#include "virt/virt_error.h"
#include "virt/timed_call.h"

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

static bool ask_monitor(void *data, GError **error)
{
	struct call *c = data;

	return virDomainQemuMonitorCommand(c->dom, c->command, &c->answer, 0) == 0 ||
	       virt_fail(error, "the monitor of domain %s", virDomainGetName(c->dom));
}

static struct call *call_new(virDomain *dom, const char *command, unsigned limit_s)
{
	struct call *c = g_new0(struct call, 1);

	virDomainRef(dom);
	c->dom = dom;
	c->command = g_strdup(command);
	c->limit_s = limit_s;
	return c;
}

/* What the call that has ended was answered. */
static char *answer_of(struct call *c)
{
	char *answer = g_strdup(c->answer);

	call_free(c);
	return answer;
}

char *virt_agent(virDomain *dom, const char *command, unsigned limit_s, GError **error)
{
	struct call *c = call_new(dom, command, limit_s);
	enum virt_call_result r;

	r = virt_call(ask, c, call_free, (limit_s + RESERVE_S) * 1000, error);
	if (r == VIRT_CALL_TIMED_OUT) {
		vmm_fail(error, VMM_ERROR_GUEST, "the agent of domain %s does not answer",
			 virDomainGetName(dom));
		return NULL;
	}
	return answer_of(c);
}

char *virt_monitor(virDomain *dom, const char *command)
{
	struct call *c = call_new(dom, command, 0);

	return virt_call(ask_monitor, c, call_free, RESERVE_S * 1000, NULL) == VIRT_CALL_TIMED_OUT
		       ? NULL
		       : answer_of(c);
}
