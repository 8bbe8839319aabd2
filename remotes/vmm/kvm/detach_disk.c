/* SPDX-License-Identifier: Apache-2.0 */
/* detach_disk - takes a disk from a running VM, and says what its guest did about it. */
#include "vm/device.h"

enum { DEPLOY_ID, SOURCE, TARGET, INDEX, VM_ID };

static enum action_outcome run_detach_disk(struct action_ctx *ctx, GError **error)
{
	g_autoptr(DeviceVm) v = device_vm_new(ctx, false, 0, error);
	const struct device_key key = { .target = ctx->arg[TARGET] };
	g_autofree char *what = g_strdup_printf("disk %s", ctx->arg[TARGET]);

	if (v)
		return device_detach(ctx, v, what, &key, error);

	return ACTION_FAILED;
}

const struct action action = {
	.name = "detach_disk", .usage = "DEPLOY_ID SOURCE TARGET [INDEX [VM_ID [HOST]]]",
	.summary = "Detaches a disk from a running VM; succeeds if the VM has no such disk.",
	.example = "detach_disk one-7 - vdb",
	.min_args = 3, .vm_id = VM_ID, .deadline_s = 100, .run = run_detach_disk,
};
