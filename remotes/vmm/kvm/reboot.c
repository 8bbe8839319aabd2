/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reboot - asks the guest of a running VM to restart.
 *
 * The agent is asked first, for at most its share of the time; then the ACPI button. Success says
 * that the guest was asked: what it makes of the button nobody can see from outside.
 */
#include "vm/restart.h"

static enum action_outcome run_reboot(struct action_ctx *ctx, GError **error)
{
	/* libvirt asks the agent first, and waits without limit for one that hangs. */
	static const struct restart_way ways[] = {
		{ VIRT_REBOOT, 15000 },
		{ VIRT_REBOOT_ACPI, 40000 },
	};

	return restart_domain(ctx, "reboot", ways, G_N_ELEMENTS(ways), error);
}

const struct action action = {
	.name = "reboot", .usage = "DEPLOY_ID [HOST [VM_ID]]",
	.summary = "Asks the guest of a running VM to restart.",
	.example = "reboot one-7",
	.min_args = 1, .deadline_s = 100, .takes_namesake = true, .run = run_reboot,
};
