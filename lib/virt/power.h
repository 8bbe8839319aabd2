/* SPDX-License-Identifier: Apache-2.0 */
/*
 * power.h - asks a domain to stop or restart. Its QEMU or agent may hang, so each request has a
 * time limit.
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
	VIRT_REBOOT,		/* by the agent, or else by ACPI: libvirt decides */
	VIRT_REBOOT_ACPI,
	VIRT_RESET,
	VIRT_WAKE_UP,		/* a guest that suspended itself */
};

/*
 * Makes the request. VIRT_CALL_OK says only that it was accepted. VIRT_CALL_TIMED_OUT: QEMU or the
 * agent did not answer within LIMIT_MS; the request is still in progress and may take effect later.
 */
enum virt_call_result virt_power_request(virDomain *dom, enum virt_power what, unsigned limit_ms,
					 GError **error);

/*
 * Destroys DOM and waits until it is gone; repeats the request every second until UNTIL_US. WATCH
 * listens to DOM. VIRT_CALL_OK: it is gone. VIRT_CALL_FAILED: ERROR says why not; unknown with
 * VMM_ERROR_CONNECTION. VIRT_CALL_TIMED_OUT: libvirt did not answer until then.
 */
enum virt_call_result virt_destroy(virDomain *dom, VirtWatch *watch, gint64 until_us,
				   GError **error);

#endif
