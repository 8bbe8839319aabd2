/* SPDX-License-Identifier: Apache-2.0 */
#include "action/busy.h"

#include "virt/block_job.h"

enum { TRIES = 3, WAIT_MS = 15000 };

bool action_busy_passed(const struct action_ctx *ctx, virDomain *dom, int try, const GError *cause)
{
	if (try >= TRIES)
		return false;
	if (!vmm_is(cause, VMM_ERROR_BUSY))
		return false;

	return virt_block_wait(dom, action_left_ms(ctx, WAIT_MS), NULL);
}
