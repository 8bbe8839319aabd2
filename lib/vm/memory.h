/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - a running VM's memory: by the balloon that its guest fills, or by modules
 * that are plugged in and out.
 *
 * Source: docs/facts/actions.md 14; libvirt.md F and G.
 */
#ifndef VM_MEMORY_H
#define VM_MEMORY_H

#include "vm/device.h"

/*
 * Makes V have MIB by its balloon. RET_BEFORE is what it had (MiB), for undoing it.
 * FAILED: VMM_ERROR_REFUSED above its maximum, VMM_ERROR_INPUT for what no guest can live with.
 */
enum action_outcome memory_balloon(struct action_ctx *ctx, DeviceVm *v, guint64 mib,
				   guint64 *ret_before, GError **error);

/* The same by modules: one more, or some of those that are there less, of just that size. */
enum action_outcome memory_modules(struct action_ctx *ctx, DeviceVm *v, guint64 mib,
				   guint64 *ret_before, GError **error);

#endif
