/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/power.h"

#include "base/deadline.h"
#include "virt/domain_call.h"
#include "virt/virt_error.h"

enum { RETRY_MS = 1000 };

static int shutdown_acpi(virDomain *dom)
{
	int rc = virDomainShutdownFlags(dom, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);

	/* Drivers that are not QEMU may know no ways. */
	if (rc < 0 && (virt_last_is(VIR_ERR_INVALID_ARG) || virt_last_is(VIR_ERR_NO_SUPPORT)))
		rc = virDomainShutdown(dom);
	return rc;
}

static int shutdown_agent(virDomain *dom)
{
	return virDomainShutdownFlags(dom, VIR_DOMAIN_SHUTDOWN_GUEST_AGENT);
}

static int reboot(virDomain *dom)
{
	return virDomainReboot(dom, 0);
}

static int reboot_acpi(virDomain *dom)
{
	return virDomainReboot(dom, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN);
}

static int reset(virDomain *dom)
{
	return virDomainReset(dom, 0);
}

static int wake_up(virDomain *dom)
{
	return virDomainPMWakeup(dom, 0);
}

static int destroy(virDomain *dom)
{
	return virDomainDestroyFlags(dom, 0);
}

struct verb {
	const char *text;
	int (*ask)(virDomain *dom);
};

static const struct verb verbs[] = {
	[VIRT_SHUTDOWN]       = { "shut down", shutdown_acpi },
	[VIRT_SHUTDOWN_AGENT] = { "shut down by its agent", shutdown_agent },
	[VIRT_REBOOT]         = { "reboot", reboot },
	[VIRT_REBOOT_ACPI]    = { "reboot by ACPI", reboot_acpi },
	[VIRT_RESET]          = { "reset", reset },
	[VIRT_WAKE_UP]        = { "wake up", wake_up },
};

static const struct verb destroy_verb = { "destroy", destroy };

static bool ask_power(DomainCall *c, GError **error)
{
	const struct verb *verb = c->fixed;

	if (verb->ask(c->dom) == 0)
		return true;

	c->code = virGetLastErrorCode();

	return virt_fail(error, "cannot %s domain %s", verb->text, virDomainGetName(c->dom));
}

/* RET_CODE, of VIRT_CALL_FAILED: libvirt's. */
static enum virt_call_result request_power(virDomain *dom, const struct verb *verb,
					   unsigned limit_ms, int *ret_code, GError **error)
{
	g_autoptr(DomainCall) c = domain_call_new(dom, NULL);
	enum virt_call_result r;

	c->fixed = verb;
	r = domain_call_run(c, ask_power, limit_ms, error);
	if (r == VIRT_CALL_FAILED)
		*ret_code = c->code;
	return r;
}

enum virt_call_result virt_power_request(virDomain *dom, enum virt_power what, unsigned limit_ms,
					 GError **error)
{
	int code = VIR_ERR_OK;

	return request_power(dom, &verbs[what], limit_ms, &code, error);
}

/* Whether a second try may succeed: QEMU may have been in I/O that cannot be interrupted. */
static bool is_worth_a_retry(int code)
{
	if (code == VIR_ERR_OPERATION_FAILED)
		return true;
	if (code == VIR_ERR_SYSTEM_ERROR)
		return true;
	if (code == VIR_ERR_OPERATION_TIMEOUT)
		return true;

	return code == VIR_ERR_INTERNAL_ERROR;
}

enum virt_call_result virt_destroy(virDomain *dom, VirtWatch *watch, gint64 until_us,
				   GError **error)
{
	for (;;) {
		g_autoptr(GError) cause = NULL;
		int code = VIR_ERR_OK;
		bool gone;
		unsigned left_ms = MAX(deadline_left_ms(until_us), 1);
		enum virt_call_result r = request_power(dom, &destroy_verb, left_ms, &code, &cause);

		if (r == VIRT_CALL_TIMED_OUT)
			return r;
		/* libvirt may report a running one as "not running": only the state is reliable. */
		if (!virt_watch_gone(watch, MIN(until_us, deadline_in_ms(RETRY_MS)),
				     &gone, error))
			return VIRT_CALL_FAILED;
		if (gone)
			return VIRT_CALL_OK;
		if (deadline_passed(until_us) ||
		    (r == VIRT_CALL_FAILED && !is_worth_a_retry(code))) {
			if (cause)
				vmm_pass(error, &cause);
			else
				vmm_fail(error, VMM_ERROR_TIMEOUT, "cannot destroy domain %s: it "
					 "is still there", virDomainGetName(dom));
			return VIRT_CALL_FAILED;
		}
	}
}
