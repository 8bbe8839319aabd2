/* SPDX-License-Identifier: Apache-2.0 */
/* device_limits.h - new limits for a running VM's disk or NIC. */
#ifndef VM_DEVICE_LIMITS_H
#define VM_DEVICE_LIMITS_H

#include "vm/device.h"
#include "virt/io_limits.h"

/* Where a limit is in a device's XML: the attribute, or (NULL) the text, of a child element. */
struct limit_place {
	const char *element, *attribute;
	const char *name;	/* libvirt's */
};

enum { LIMIT_MAX = 32 };	/* places of one kind of device */

/* The limits of one kind of device, at most LIMIT_MAX. */
struct limit_kind {
	enum virt_io_kind kind;
	const struct limit_place *place;
	size_t n;
};

/*
 * Sets the limits of DEVICE (a target or a MAC) of V to those in XML, an element or NULL. Limits of
 * its KIND that XML does not name are removed.
 */
enum action_outcome device_limits_set(struct action_ctx *ctx, DeviceVm *v,
				      const struct limit_kind *kind, const char *device,
				      const xmlNode *xml, GError **error);

#endif
