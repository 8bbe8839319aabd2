/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - changes the memory of a running VM: by the balloon, or by modules that are plugged and
 * unplugged.
 *
 * Source: docs/facts/actions.md 14; libvirt.md F and G.
 */
#ifndef VM_MEMORY_H
#define VM_MEMORY_H

#include "vm/device.h"

/*
 * Sets the balloon of V so that it has MIB. RET_BEFORE is its size before (MiB), for the undo.
 * FAILED: VMM_ERROR_REFUSED above its maximum, VMM_ERROR_INPUT below what a guest needs to run.
 */
enum action_outcome memory_balloon(struct action_ctx *ctx, DeviceVm *v, guint64 mib,
				   guint64 *ret_before, GError **error);

/* The same by modules: plugs one, or unplugs some whose sizes add up to the difference. */
enum action_outcome memory_modules(struct action_ctx *ctx, DeviceVm *v, guint64 mib,
				   guint64 *ret_before, GError **error);

#endif
