/* SPDX-License-Identifier: Apache-2.0 */
/*
 * power.h - asking a domain to stop or restart, when its QEMU or its agent
 * may hang: each request has a limit.
 *
 * Source: docs/facts/libvirt.md D.
 */
#ifndef VIRT_POWER_H
#define VIRT_POWER_H

#include "virt/virt_domain.h"
#include "virt/timed_call.h"

enum virt_power {
	VIRT_SHUTDOWN,		/* by the ACPI power button */
	VIRT_SHUTDOWN_AGENT,	/* by the guest's agent */
	VIRT_REBOOT,		/* as libvirt likes: by the agent, else by ACPI */
	VIRT_REBOOT_ACPI,
	VIRT_RESET,
	VIRT_WAKE_UP,		/* one that its guest suspended */
};

/*
 * Asks; that it returned VIRT_CALL_OK says only that the request was taken.
 * VIRT_CALL_TIMED_OUT: QEMU or the agent did not answer within LIMIT_MS, the
 * request waits on, and it may have its effect later.
 */
enum virt_call_result virt_power_request(virDomain *dom, enum virt_power what, unsigned limit_ms,
					 GError **error);

/*
 * Ends DOM at once and sees to it that it is gone: asks again, each second until
 * UNTIL_US, as long as something keeps it. WATCH listens to DOM. VIRT_CALL_OK:
 * it is gone. VIRT_CALL_FAILED: ERROR says why not, VMM_ERROR_CONNECTION when
 * nobody knows. VIRT_CALL_TIMED_OUT: libvirt did not answer until then.
 */
enum virt_call_result virt_destroy(virDomain *dom, VirtWatch *watch, gint64 until_us,
				   GError **error);

#endif
