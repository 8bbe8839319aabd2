/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virt_resize.h - sizes of a running domain, changed when its QEMU may hang.
 *
 * Source: docs/facts/libvirt.md G.
 */
#ifndef VIRT_VIRT_RESIZE_H
#define VIRT_VIRT_RESIZE_H

#include "virt/virt_domain.h"
#include "virt/timed_call.h"

/* What a running domain has. */
struct virt_sizes {
	unsigned vcpus, vcpus_max;
	guint64 memory_kib;		/* without what its balloon holds */
	guint64 memory_max_kib;		/* modules included */
};

/* Reads the sizes that running DOM has now. */
bool virt_sizes_read(virDomain *dom, struct virt_sizes *ret, GError **error);

/*
 * Each within LIMIT_MS; VIRT_CALL_TIMED_OUT: QEMU does not answer, the outcome is unknown. ERROR
 * says only why. With RET_WAITED: the guest was asked for CPUs back, and libvirt does not wait for
 * them any longer.
 */
enum virt_call_result virt_set_vcpus(virDomain *dom, unsigned n, unsigned limit_ms,
				     bool *ret_waited, GError **error);
enum virt_call_result virt_set_memory(virDomain *dom, guint64 kib, unsigned limit_ms,
				      GError **error);
enum virt_call_result virt_set_disk(virDomain *dom, const char *target, guint64 bytes,
				    unsigned limit_ms, GError **error);

/* How many bytes a disk has. */
bool virt_disk_size(virDomain *dom, const char *target, guint64 *ret, GError **error);

#endif
