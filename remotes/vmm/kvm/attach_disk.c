/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach_disk - gives a running VM one more disk.
 *
 * An attach whose answer was lost is asked for again: a VM that has this image at this target has
 * it already, one with another image there keeps that and the request fails. The image is checked
 * before libvirt sees it: its owner may have written a header into it that names a file of the
 * host. A SCSI disk gets its controller first, since libvirt would choose a model for which many
 * guests have no driver.
 */
#include "vm/device.h"
#include "vm/disk_images.h"
#include "vm/others_use.h"
#include "vm/wanted_disk.h"

enum { DEPLOY_ID, SOURCE, TARGET, INDEX, REQUEST, VM_ID };

static gboolean is_unused, is_own, is_named;

static const GOptionEntry options[] = {
	{ "unused", 0, 0, G_OPTION_ARG_NONE, &is_unused,
	  "Refuse an image that a domain of this host uses", NULL },
	{ "own", 0, 0, G_OPTION_ARG_NONE, &is_own,
	  "Refuse a file in the directory of another VM", NULL },
	{ "named", 0, 0, G_OPTION_ARG_NONE, &is_named,
	  "Refuse an image that is called raw and is not", NULL },
	{ 0 }
};

/* oned keeps account of all this itself. */
static bool check_by_hand(const struct action_ctx *ctx, const DeviceVm *v, const xmlNode *disk,
			  const char *directory, GError **error)
{
	if (is_unused && !others_use_check_disk(ctx, v, disk, error))
		return false;

	if (is_own && !others_use_check_place(v, disk, directory, error))
		return false;

	return !is_named || disk_image_check_named(disk, error);
}

/* libvirt would add a model that newer guests have no driver for. */
static bool add_scsi(struct action_ctx *ctx, DeviceVm *v, const xmlNode *disk, GError **error)
{
	static const char xml[] = "<controller type='scsi' model='virtio-scsi'/>";
	static const struct device_key none;
	const xmlNode *devices = xml_child(xmlDocGetRootElement(v->live), "devices");
	g_autofree char *bus = xml_child_attribute(disk, "target", "bus");
	g_autofree char *dev = xml_child_attribute(disk, "target", "dev");

	if (bus ? !g_str_equal(bus, "scsi") : !dev || !g_str_has_prefix(dev, "sd"))
		return true;
	for (const xmlNode *n = xml_child(devices, "controller"); n; n = xml_next(n))
		if (xml_has(n, "type", "scsi"))
			return true;
	action_log("INFO", "domain %s gets a SCSI controller first", virDomainGetName(v->dom));

	return device_attach(ctx, v, "a SCSI controller", &none, xml, error) == ACTION_DONE;
}

static enum action_outcome attach(struct action_ctx *ctx, DeviceVm *v, const TmplAttr *disk,
				  GError **error)
{
	const char *target = tmpl_attr_text(disk, "TARGET");
	const struct device_key key = { .target = target ? target : ctx->arg[TARGET] };
	g_autoptr(xmlDoc) doc =
		wanted_disk_new(ctx, v, disk, ctx->arg[SOURCE], error);
	const char *uri = conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI");
	g_autofree char *directory = virt_vm_directory(v->dom, uri);
	const xmlNode *there = device_find(v, &key);
	g_autofree char *what = g_strdup_printf("disk %s (%s)", key.target, ctx->arg[SOURCE]);
	g_autofree char *xml = doc ? xml_print(xmlDocGetRootElement(doc)) : NULL;

	if (!xml)
		return ACTION_FAILED;
	if (there && wanted_disk_is(there, xmlDocGetRootElement(doc))) {
		action_log("INFO", "domain %s has %s already", virDomainGetName(v->dom), what);
		return ACTION_DONE;
	}

	if (there) {
		vmm_fail(error, VMM_ERROR_EXISTS, "cannot attach %s to domain %s: it has another "
			 "disk %s", what, virDomainGetName(v->dom), key.target);
		return ACTION_FAILED;
	}

	if (!check_by_hand(ctx, v, xmlDocGetRootElement(doc), directory, error))
		return ACTION_FAILED;
	if (!disk_image_check(ctx, xmlDocGetRootElement(doc), directory, error))
		return ACTION_FAILED;
	if (ctx->dry_run) {
		action_print(ctx, "would attach to domain %s:\n%s\n", virDomainGetName(v->dom),
			     xml);
		return ACTION_DONE;
	}

	if (!add_scsi(ctx, v, xmlDocGetRootElement(doc), error))
		return ACTION_FAILED;

	return device_attach(ctx, v, what, &key, xml, error);
}

static enum action_outcome run_attach_disk(struct action_ctx *ctx, GError **error)
{
	g_autoptr(DeviceVm) v = device_vm_new(ctx, true, REQUEST, error);
	const TmplAttr *disk = v ? tmpl_vm_attached(v->vm, "DISK") : NULL;

	if (!v)
		return ACTION_FAILED;
	if (!disk) {
		vmm_fail(error, VMM_ERROR_INPUT, "stdin: no DISK has ATTACH = YES");
		return ACTION_FAILED;
	}

	domain_attach_defaults(v->vm, ctx->rc);

	return attach(ctx, v, disk, error);
}

const struct action action = {
	.name = "attach_disk", .usage = "DEPLOY_ID SOURCE TARGET [INDEX [REQUEST [VM_ID [HOST]]]]",
	.summary = "Attaches the DISK with ATTACH = YES to a running VM.",
	.input = "the request document, or the VM document alone",
	.example = "attach_disk one-7 /var/lib/one/datastores/0/7/disk.2 vdb <request.xml",
	.min_args = 3, .vm_id = VM_ID, .deadline_s = 100, .options = options,
	.run = run_attach_disk,
};
