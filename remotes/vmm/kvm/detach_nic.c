/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detach_nic - takes a NIC or PCI device from a running VM, and says what its guest did.
 *
 * oned passes a PCI device by the same action; then the document says which one, and MAC is empty.
 * As with a disk, the outcome is what the guest did, not what libvirt was asked.
 */
#include "vm/device.h"

enum { DEPLOY_ID, MAC, VM_ID };

static enum action_outcome run_detach_nic(struct action_ctx *ctx, GError **error)
{
	g_autoptr(TmplRequest) d = request_input_read(error);
	g_autoptr(TmplVm) vm = d && d->vm ? tmpl_vm_new(d->vm, error) : NULL;
	g_autoptr(DeviceVm) v = NULL;
	struct device_key key = { .mac = ctx->arg[MAC] };
	g_autofree char *what = NULL;

	if (!d)
		return ACTION_FAILED;
	if (d->vm && !vm)
		return ACTION_FAILED;
	if (vm && !tmpl_vm_attached(vm, "NIC"))
		key.pci = tmpl_vm_attached(vm, "PCI");
	if (*ctx->arg[MAC])
		what = g_strdup_printf("NIC %s", ctx->arg[MAC]);
	else
		what = g_strdup("PCI device");
	v = device_vm_new(ctx, false, 0, error);

	if (v)
		return device_detach(ctx, v, what, &key, error);

	return ACTION_FAILED;
}

const struct action action = {
	.name = "detach_nic", .usage = "DEPLOY_ID MAC [VM_ID [HOST]]",
	.summary = "Detaches a NIC from a running VM; succeeds if the VM has no such NIC.",
	.example = "detach_nic one-7 02:00:0a:01:00:07",
	.min_args = 2, .deadline_s = 100, .run = run_detach_nic,
};
