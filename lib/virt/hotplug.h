/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hotplug.h - devices of a running domain: given, changed and taken away, when QEMU
 * may hang and the guest has a say.
 *
 * Source: docs/facts/libvirt.md F; actions.md 9 to 12.
 */
#ifndef VIRT_HOTPLUG_H
#define VIRT_HOTPLUG_H

#include "virt/virt_domain.h"
#include "virt/timed_call.h"

enum virt_device_verb {
	VIRT_DEVICE_ATTACH,
	VIRT_DEVICE_MEDIUM,	/* a drive becomes what XML says, even if the guest has locked it */
};

/*
 * Does it with the device of XML in running domain DOM. LATE: QEMU did not answer, nobody knows.
 * ERROR has no text of its own about the device: the caller's comes before it.
 */
enum virt_call_result virt_device(virDomain *dom, enum virt_device_verb verb, const char *xml,
				  unsigned limit_ms, GError **error);

/*
 * Asks the guest to release the device ALIAS, at most TRIES times until UNTIL_US, and waits
 * for what becomes of it. OK: it is gone, or was. FAILED: VMM_ERROR_REFUSED, the guest said
 * no; VMM_ERROR_GUEST, it did not answer, and may still do it later; VMM_ERROR_CONNECTION,
 * nobody knows. LATE: QEMU did not answer.
 */
enum virt_call_result virt_detach(virDomain *dom, const char *alias, unsigned tries,
				  gint64 until_us, GError **error);

#endif
