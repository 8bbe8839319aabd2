/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detach_disk - takes a disk from a running VM, and says what its guest did about it.
 *
 * libvirt's answer only says that the guest was asked. device_detach() waits until the device is
 * gone or its guest refused, and says which.
 *
 * A request names the target. The undo of an attach (VMM_OWN_DEVICE) means the disk that this
 * attach gave the VM: another one that came to the same target meanwhile stays.
 */
#include "vm/device.h"
#include "vm/wanted_disk.h"

enum { DEPLOY_ID, SOURCE, TARGET, INDEX, VM_ID };

/* DONE: WHAT may be detached. FAILED without ERROR: V has another disk there, which stays. */
static enum action_outcome check_own(const struct action_ctx *ctx, const DeviceVm *v,
				     const char *what, const xmlNode *there, GError **error)
{
	const TmplAttr *disk = tmpl_vm_attached(v->vm, "DISK");
	g_autoptr(xmlDoc) wanted = NULL;

	if (!disk) {
		vmm_fail(error, VMM_ERROR_INPUT, "stdin: no DISK has ATTACH = YES");
		return ACTION_FAILED;
	}

	wanted = wanted_disk_new(ctx, v, disk, ctx->arg[SOURCE], error);
	if (!wanted)
		return ACTION_FAILED;

	switch (wanted_disk_compare(there, xmlDocGetRootElement(wanted))) {
	case WANTED_DISK_SAME:
		return ACTION_DONE;
	case WANTED_DISK_OTHER:
		action_log("INFO", "domain %s has another %s than %s: it stays",
			   virDomainGetName(v->dom), what, ctx->arg[SOURCE]);
		return ACTION_FAILED;
	case WANTED_DISK_UNKNOWN:
		break;
	}

	vmm_fail(error, VMM_ERROR_REFUSED, "cannot tell whether %s of domain %s is %s: not "
		 "detached", what, virDomainGetName(v->dom), ctx->arg[SOURCE]);
	vmm_error_set_hint(error, "see virsh domblklist");

	return ACTION_FAILED;
}

static enum action_outcome run_detach_disk(struct action_ctx *ctx, GError **error)
{
	bool is_undo = g_getenv("VMM_OWN_DEVICE") != NULL;
	g_autoptr(DeviceVm) v = device_vm_new(ctx, is_undo, 0, error);
	const struct device_key key = { .target = ctx->arg[TARGET] };
	g_autofree char *what = g_strdup_printf("disk %s", ctx->arg[TARGET]);
	const xmlNode *there = v ? device_find(v, &key) : NULL;

	if (!v)
		return ACTION_FAILED;
	if (!is_undo || !there)
		return device_detach(ctx, v, what, &key, error);
	if (check_own(ctx, v, what, there, error) == ACTION_DONE)
		return device_detach(ctx, v, what, &key, error);
	if (*error)
		return ACTION_FAILED;

	return ACTION_DONE;
}

const struct action action = {
	.name = "detach_disk", .usage = "DEPLOY_ID SOURCE TARGET [INDEX [VM_ID [HOST]]]",
	.summary = "Detaches a disk from a running VM; succeeds if the VM has no such disk.",
	.input = "only as the undo of an attach: its request document",
	.example = "detach_disk one-7 - vdb",
	.min_args = 3, .vm_id = VM_ID, .deadline_s = 100, .run = run_detach_disk,
};
