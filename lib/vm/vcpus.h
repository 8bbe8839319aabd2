/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpus.h - how many CPUs a running VM has. libvirt waits 5 s for QEMU's word that one is gone and
 * then keeps its old count, whatever becomes of it: QEMU itself is asked.
 *
 * Source: libvirt 9.0 with QEMU 7.2, measured; libvirt counts anew when its daemon is restarted.
 */
#ifndef VM_VCPUS_H
#define VM_VCPUS_H

#include "vm/device.h"

/*
 * Gives the domain of V N CPUs. UNKNOWN: its guest was asked for some back and keeps them so far,
 * but may yet give them. REFUSED: it cannot have so many, or libvirt counts others than QEMU has.
 */
enum action_outcome vcpus_set(struct action_ctx *ctx, DeviceVm *v, guint64 n, GError **error);

/* False with VMM_ERROR_REFUSED: libvirt counts other CPUs than QEMU has. Not known is true. */
bool vcpus_agree(virDomain *dom, GError **error);

#endif
