/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reset - restarts a VM as its reset button would.
 *
 * The guest is not asked. No second try on its own: a reset whose answer was lost may have taken
 * effect, and a guest that was reset twice has lost what it did in between.
 */
#include "vm/restart.h"

static enum action_outcome run_reset(struct action_ctx *ctx, GError **error)
{
	/* libvirt itself waits 30 s for another job's end. */
	static const struct restart_way ways[] = { { VIRT_RESET, 40000 } };

	return restart_domain(ctx, "reset", ways, G_N_ELEMENTS(ways), error);
}

const struct action action = {
	.name = "reset", .usage = "DEPLOY_ID [HOST [VM_ID]]",
	.summary = "Restarts a VM like its reset button.",
	.example = "reset one-7",
	.min_args = 1, .deadline_s = 100, .takes_namesake = true, .run = run_reset,
};
