/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_limits.h - limits of a running domain's disks and NICs.
 *
 * Source: libvirt virDomainSetBlockIoTune, virDomainSetInterfaceParameters.
 */
#ifndef VIRT_IO_LIMITS_H
#define VIRT_IO_LIMITS_H

#include "virt/virt_domain.h"
#include "virt/timed_call.h"

enum virt_io_kind { VIRT_IO_DISK, VIRT_IO_NIC };

struct virt_limit {
	const char *name;	/* libvirt's: "total_bytes_sec", "inbound.average" */
	guint64 value;		/* 0: no limit */
};

struct virt_limits {
	enum virt_io_kind kind;
	const struct virt_limit *limit;
	size_t n;
};

/*
 * Sets LIMITS of DEVICE: the disk with that target, or the NIC with that MAC. VIRT_CALL_TIMED_OUT:
 * QEMU does not answer. ERROR says only why.
 */
enum virt_call_result virt_io_limits(virDomain *dom, const char *device,
				     const struct virt_limits *limits, unsigned limit_ms,
				     GError **error);

#endif
