/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prereconfigure - takes the context's medium out of a running VM's drive.
 *
 * The driver runs this before the context's image is recreated, so that a guest does not read half
 * a file. A VM without a context has nothing to eject, and the request succeeds.
 */
#include "vm/device.h"
#include "virt/domain_xml.h"

enum { DEPLOY_ID, TARGET };

static enum action_outcome run_prereconfigure(struct action_ctx *ctx, GError **error)
{
	const char *target = action_arg(ctx, TARGET);
	g_autoptr(DeviceVm) v = NULL;
	g_autofree char *medium = NULL;
	const xmlNode *drive;

	if (!*ctx->arg[DEPLOY_ID] || !target || !*target)
		return ACTION_DONE;	/* a VM without context */
	v = device_vm_new(ctx, false, 0, error);
	if (!v)
		return ACTION_FAILED;
	drive = virt_disk(xmlDocGetRootElement(v->live), target);
	medium = virt_disk_path(drive);
	if (drive && !medium) {
		action_log("INFO", "%s of domain %s is empty already", target,
			   virDomainGetName(v->dom));
		return ACTION_DONE;
	}

	return device_medium(ctx, v, target, NULL, error);
}

const struct action action = {
	.name = "prereconfigure", .usage = "DEPLOY_ID TARGET [VM_ID [HOST]]",
	.summary = "Ejects the medium from a VM's CD-ROM drive; succeeds if it is empty.",
	.example = "prereconfigure one-7 hda",
	.min_args = 1, .deadline_s = 100, .run = run_prereconfigure,
};
