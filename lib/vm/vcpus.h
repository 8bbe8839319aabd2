/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpus.h - changes the number of CPUs of a running VM. libvirt waits 5 s for QEMU to confirm that
 * one is unplugged and then keeps its old count, so QEMU itself is asked.
 *
 * Source: libvirt 9.0 with QEMU 7.2, measured; libvirt counts again when its daemon is restarted.
 */
#ifndef VM_VCPUS_H
#define VM_VCPUS_H

#include "vm/device.h"

/*
 * Gives the domain of V N CPUs. UNKNOWN: the guest was asked to release some, has not yet, and may
 * still do so. VMM_ERROR_REFUSED: too many, or libvirt and QEMU disagree about the number.
 */
enum action_outcome vcpus_set(struct action_ctx *ctx, DeviceVm *v, guint64 n, GError **error);

/*
 * False with VMM_ERROR_REFUSED if libvirt counts other CPUs than QEMU has. True if not known. LIVE:
 * the domain's XML.
 */
bool vcpus_agree(virDomain *dom, const xmlNode *live, GError **error);

#endif
