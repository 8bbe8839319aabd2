/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile.h - what is true after a call to libvirt that failed, or was not answered.
 *
 * The answer of a call is the truth only while the connection is alive over which it came:
 *
 *	call       connection
 *	succeeded              it was done
 *	failed     alive       it was not done, and the error says why
 *	timed out              unknown: QEMU may still do it, and nothing else reaches it meanwhile
 *	failed     lost        unknown: the request may be lost, in progress or done
 *
 * In the last case libvirt is asked again. (1) A new connection is opened; a libvirtd that restarts
 * is waited for. (2) The domain is found there by its UUID: a name may be another VM's by now. (3)
 * libvirt must have ended what the lost connection asked for, as a request outlives its client.
 * (4) Only then the domain's state or XML says whether the call was done. The functions here do 1
 * to 3; the caller does 4:
 *
 *	switch (reconcile_domain_idle(ctx, &dom, error)) {
 *	case RECONCILE_ALIVE:		return ACTION_FAILED;
 *	case RECONCILE_REOPENED:	return is_as_wanted(dom) ? ACTION_DONE : ACTION_FAILED;
 *	case RECONCILE_GONE:		return ACTION_FAILED;	(DONE, if that was wanted)
 *	case RECONCILE_UNKNOWN:		return ACTION_UNKNOWN;
 *	}
 *
 * A call that may be made twice needs no 4: action_call_repeat() makes it again.
 * Three places have no domain of which to start, and use action_reconnect() alone: vm/create.c and
 * the restore in vm/checkpoint.c ask for a domain that may only be about to exist;
 * migrate/migration.c asks two hosts at once (migrate/verdict.h).
 *
 * Source: docs/facts/libvirt.md A; docs/architecture.md, "Three outcomes".
 */
#ifndef ACTION_RECONCILE_H
#define ACTION_RECONCILE_H

#include "action/action.h"

enum reconcile {
	RECONCILE_ALIVE,	/* the connection was not lost: the call's answer is the truth */
	RECONCILE_REOPENED,	/* it was; the domain is on a new one, and its state the truth */
	RECONCILE_GONE,		/* likewise, and the domain is not there: ERROR says so */
	RECONCILE_UNKNOWN,	/* libvirt cannot be asked: ERROR says why */
};

/*
 * After a call on DOM that failed. When the connection was lost with it, DOM is freed and replaced
 * by its handle on a new one. Calls of the lost connection may still be in progress.
 */
enum reconcile reconcile_domain(struct action_ctx *ctx, virDomain **dom, GError **error);

/* As reconcile_domain(), once libvirt has ended all that it was asked to do with DOM before. */
enum reconcile reconcile_domain_idle(struct action_ctx *ctx, virDomain **dom, GError **error);

/* What a call that failed means when nothing more is asked: UNKNOWN on a lost connection. */
enum action_outcome reconcile_failure(const struct action_ctx *ctx);

#endif
