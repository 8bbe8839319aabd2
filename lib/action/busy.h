/* SPDX-License-Identifier: Apache-2.0 */
/*
 * busy.h - a call that libvirt refuses while a block job works on one of the domain's disks.
 *
 * Such jobs (a copy, a backup, a commit) end by themselves, so an action waits and asks again:
 *
 *	for (int try = 1;; try++) {
 *		g_clear_error(&cause);
 *		if (make_the_call(dom, &cause))
 *			return true;
 *		if (!action_busy_passed(ctx, dom, try, cause))
 *			break;
 *	}
 *
 * Source: docs/facts/actions.md 0.5; libvirt.md I.
 */
#ifndef ACTION_BUSY_H
#define ACTION_BUSY_H

#include "action/action.h"

/*
 * To be asked after call number TRY (from 1) on DOM, which failed with CAUSE (NULL: it succeeded).
 * True: make the call again, because CAUSE is VMM_ERROR_BUSY and no disk of DOM has a block job any
 * more. A call is made three times at most. The wait for a block job ends after 15 s, or at the
 * action's deadline.
 */
bool action_busy_passed(const struct action_ctx *ctx, virDomain *dom, int try, const GError *cause);

#endif
