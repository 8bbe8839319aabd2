/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop.h - ending a domain surely: with requests that may hang, and with a
 * libvirt that may go away in the middle.
 *
 * Source: docs/facts/actions.md 2 and 3; libvirt.md D.
 */
#ifndef VM_STOP_H
#define VM_STOP_H

#include "action/action.h"
#include "virt/power.h"

struct stop_plan {
	bool at_once;		/* do not ask the guest: destroy the domain */
	bool force;		/* destroy what is still there at END_US */
	gint64 half_us, end_us;	/* monotonic: when to ask again, when to stop waiting */
};

/*
 * The domain to stop, as action_domain(), with ALONE as action_domain_alone(): never another one
 * of its name (VMM_ERROR_EXISTS), nor what an interrupted migration left of a VM that runs on
 * another host, or may (VMM_ERROR_REFUSED). VMM_ERROR_NOT_FOUND
 * means as well that no program which died half-way through starting it can have it appear.
 */
virDomain *stop_find(const struct action_ctx *ctx, bool alone, GError **error);

/*
 * Makes one request. True also if the domain is gone, or if the result of the request is not known:
 * the domain's state will show it. False: it was refused, or the connection is lost.
 */
bool stop_ask(struct action_ctx *ctx, virDomain *dom, enum virt_power what, GError **error);

/*
 * Ends DOM as PLAN says: asks by ACPI, at half time again and by the agent, and
 * waits. When libvirt goes away it is looked for and asked once more.
 * ACTION_DONE: the domain is gone. ACTION_FAILED: it is there.
 */
enum action_outcome stop_domain(struct action_ctx *ctx, virDomain *dom,
				const struct stop_plan *plan, GError **error);

#endif
