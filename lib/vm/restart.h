/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restart.h - what reboot and reset share: they ask a running guest, in the next way if QEMU or the
 * agent does not answer.
 *
 * Source: docs/facts/actions.md 4; libvirt.md D.
 */
#ifndef VM_RESTART_H
#define VM_RESTART_H

#include "action/action.h"
#include "virt/power.h"

struct restart_way {
	enum virt_power request;
	unsigned limit_ms;		/* for its answer */
};

/* Restarts the domain of the operands; VERB ("reboot") is for messages. WAYS: N of them. */
enum action_outcome restart_domain(struct action_ctx *ctx, const char *verb,
				   const struct restart_way *ways, size_t n, GError **error);

#endif
