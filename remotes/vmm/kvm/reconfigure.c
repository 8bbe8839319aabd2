/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconfigure - puts a new context's medium into a running VM's drive.
 *
 * The image is checked as in attach_disk: this is one more way to give QEMU a file. A drive that
 * holds another medium is emptied first; otherwise a guest may take the new one for the old.
 */
#include "vm/device.h"
#include "virt/domain_xml.h"

enum { DEPLOY_ID, TARGET, MEDIUM, VM_ID };

static enum action_outcome run_reconfigure(struct action_ctx *ctx, GError **error)
{
	const char *target = action_arg(ctx, TARGET), *medium = action_arg(ctx, MEDIUM);
	enum action_outcome outcome = ACTION_DONE;
	g_autofree char *present = NULL;
	g_autoptr(DeviceVm) v = NULL;

	if (!*ctx->arg[DEPLOY_ID] || !target || !*target || !medium || !*medium)
		return ACTION_DONE;	/* a VM without context */
	v = device_vm_new(ctx, false, 0, error);
	if (!v)
		return ACTION_FAILED;
	present = virt_disk_path(virt_disk(xmlDocGetRootElement(v->live), target));
	if (!g_strcmp0(present, medium)) {
		action_log("INFO", "%s is in %s of domain %s already", medium, target,
			   virDomainGetName(v->dom));
		return ACTION_DONE;
	}

	if (!device_medium_check(ctx, v, target, medium, error))
		return ACTION_FAILED;
	/* A guest that never saw the drive empty may take the new medium for the old one. */
	if (present && !ctx->dry_run)
		outcome = device_medium(ctx, v, target, NULL, error);

	if (outcome == ACTION_DONE)
		return device_medium(ctx, v, target, medium, error);

	return outcome;
}

const struct action action = {
	.name = "reconfigure", .usage = "DEPLOY_ID TARGET FILE [VM_ID [HOST]]",
	.summary = "Inserts FILE, an image or a block device, into a VM's CD-ROM drive.",
	.example = "reconfigure one-7 hda /var/lib/one/datastores/0/7/disk.1",
	.min_args = 1, .vm_id = VM_ID, .deadline_s = 100, .run = run_reconfigure,
};
