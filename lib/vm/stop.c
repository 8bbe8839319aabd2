/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/stop.h"

#include "action/reconcile.h"
#include "vm/stranded.h"

enum { ANSWER_MS = 10000, REPORT_US = 2000000 };

/* DOM, which is taken; NULL: it must not be stopped. */
static virDomain *only_vm(const struct action_ctx *ctx, virDomain *dom, GError **error)
{
	struct virt_state state;

	if (!dom)
		return NULL;
	if (virt_state_read(dom, &state, error) && stranded_is_vm(ctx, dom, &state, error))
		return dom;
	virDomainFree(dom);

	return NULL;
}

/*
 * A lookup overtakes a create that a dead client asked for: "not found" is believed only after a
 * barrier, or the domain would appear after its cancel.
 */
virDomain *stop_find(const struct action_ctx *ctx, bool alone, GError **error)
{
	virDomain *(*find)(const struct action_ctx *, GError **) = alone ? action_domain_alone :
									   action_domain;
	g_autoptr(GError) cause = NULL;
	virDomain *dom = find(ctx, &cause);

	if (!vmm_is(cause, VMM_ERROR_NOT_FOUND)) {
		if (cause)
			vmm_pass(error, &cause);
		return only_vm(ctx, dom, error);
	}

	if (virt_barrier(ctx->conn, action_left_ms(ctx, ANSWER_MS), error))
		return only_vm(ctx, find(ctx, error), error);
	g_prefix_error(error, "cannot tell whether domain %s is gone: ", ctx->arg[0]);

	return NULL;
}

bool stop_ask(struct action_ctx *ctx, virDomain *dom, enum virt_power what, GError **error)
{
	g_autoptr(GError) cause = NULL;
	struct virt_state state;

	switch (virt_power_request(dom, what, action_left_ms(ctx, ANSWER_MS), &cause)) {
	case VIRT_CALL_OK:
		return true;
	case VIRT_CALL_TIMED_OUT:
		action_log("WARN", "domain %s does not answer", virDomainGetName(dom));
		return true;
	/*
	 * Refused. The agent may be missing, a request that is in progress is as good, and a domain
	 * that ended meanwhile is what was wanted.
	 */
	default:
		if (!virt_state_read(dom, &state, error))
			return false;
		if (state.gone)
			return true;
		if (what == VIRT_SHUTDOWN_AGENT)
			return true;
		if (vmm_is(cause, VMM_ERROR_BUSY))
			return true;
		return vmm_pass(error, &cause);
	}
}

/* Asks by ACPI and waits; at half time asks again in every way. */
static bool ask_and_wait(struct action_ctx *ctx, virDomain *dom, VirtWatch *watch,
			 const struct stop_plan *plan, bool *ret_gone, GError **error)
{
	if (!stop_ask(ctx, dom, VIRT_SHUTDOWN, error))
		return false;
	if (!virt_watch_gone(watch, plan->half_us, ret_gone, error))
		return false;
	if (*ret_gone)
		return true;
	if (!stop_ask(ctx, dom, VIRT_SHUTDOWN, error))
		return false;
	if (!stop_ask(ctx, dom, VIRT_SHUTDOWN_AGENT, error))
		return false;

	return virt_watch_gone(watch, plan->end_us, ret_gone, error);
}

/* On one connection. */
static enum action_outcome stop(struct action_ctx *ctx, virDomain *dom,
				const struct stop_plan *plan, GError **error)
{
	g_autoptr(VirtWatch) watch = virt_watch_new(dom, error);
	const char *name = virDomainGetName(dom);
	bool gone = false;

	if (!watch)
		return ACTION_FAILED;
	if (!plan->at_once && !ask_and_wait(ctx, dom, watch, plan, &gone, error))
		return ACTION_FAILED;
	if (gone)
		return ACTION_DONE;
	if (!plan->at_once && !plan->force) {
		vmm_fail(error, VMM_ERROR_TIMEOUT, "cannot shut down domain %s: its guest did not "
			 "power off in time", name);
		vmm_error_set_hint(error, "the guest must obey ACPI or have an agent; see "
				   "SHUTDOWN_TIMEOUT and FORCE_DESTROY in kvmrc");
		return ACTION_FAILED;
	}

	/* FORCE_DESTROY: an ended VM is preferred to one that ignores its power button. */
	if (!plan->at_once)
		action_log("WARN", "domain %s did not shut down in time: destroying it", name);
	switch (virt_destroy(dom, watch, ctx->deadline_us - REPORT_US, error)) {
	case VIRT_CALL_OK:
		return ACTION_DONE;
	case VIRT_CALL_FAILED:
		return ACTION_FAILED;
	default:
		vmm_fail(error, VMM_ERROR_TIMEOUT, "cannot destroy domain %s: libvirt does not "
			 "answer", name);
		virt_hint_lost(dom, error);
		return ACTION_UNKNOWN;
	}
}

enum action_outcome stop_domain(struct action_ctx *ctx, virDomain *first,
				const struct stop_plan *plan, GError **error)
{
	g_autoptr(virDomain) dom = virt_domain_ref(first);

	action_on_abort(ACTION_UNKNOWN, "%s domain %s",
			plan->at_once ? "destroying" : "shutting down", virDomainGetName(dom));
	for (;;) {
		g_autoptr(GError) cause = NULL, lost = NULL;
		enum action_outcome outcome = stop(ctx, dom, plan, &cause);

		if (outcome == ACTION_DONE)
			return outcome;
		if (outcome == ACTION_UNKNOWN) {
			vmm_pass(error, &cause);
			return outcome;
		}

		switch (reconcile_domain(ctx, &dom, &lost)) {
		case RECONCILE_ALIVE:
			vmm_pass(error, &cause);
			return ACTION_FAILED;
		case RECONCILE_GONE:
			return ACTION_DONE;
		case RECONCILE_UNKNOWN:
			vmm_pass(error, &lost);
			return ACTION_UNKNOWN;
		case RECONCILE_REOPENED:
			break;	/* it is still there: asked again, as the request may be lost */
		}
	}
}
