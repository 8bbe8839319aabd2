/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hotplug.h - attaches, changes and detaches devices of a running domain, although QEMU may hang
 * and the guest may refuse.
 *
 * Source: docs/facts/libvirt.md F; actions.md 9 to 12.
 */
#ifndef VIRT_HOTPLUG_H
#define VIRT_HOTPLUG_H

#include "virt/virt_domain.h"
#include "virt/timed_call.h"

enum virt_device_verb {
	VIRT_DEVICE_ATTACH,
	VIRT_DEVICE_MEDIUM,	/* changes the medium, even if the guest has locked the drive */
};

/*
 * Applies VERB to the device XML of running domain DOM. VIRT_CALL_TIMED_OUT: QEMU did not answer,
 * the outcome is unknown. ERROR does not name the device: the caller adds that.
 */
enum virt_call_result virt_device(virDomain *dom, enum virt_device_verb verb, const char *xml,
				  unsigned limit_ms, GError **error);

/*
 * Asks the guest to release the device ALIAS, at most TRIES times until UNTIL_US, and waits for the
 * result. VIRT_CALL_OK: it is gone, or was not there. VIRT_CALL_FAILED: VMM_ERROR_REFUSED, the
 * guest refused; VMM_ERROR_GUEST with RET_PENDING, it did not answer and may still release it
 * later; VMM_ERROR_CONNECTION, unknown. VIRT_CALL_TIMED_OUT: QEMU did not answer.
 */
enum virt_call_result virt_detach(virDomain *dom, const char *alias, unsigned tries,
				  gint64 until_us, bool *ret_pending, GError **error);

#endif
