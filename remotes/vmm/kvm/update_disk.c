/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update_disk - gives a disk of a running VM the limits that its document says now.
 *
 * The limits are built as deploy builds them and set one by one in libvirt's terms; what the
 * document no longer has is set to none. No other part of the disk changes.
 */
#include "vm/device_limits.h"

enum { DEPLOY_ID, DISK_ID };

#define LIMIT(name) { name, NULL, name }	/* as in the XML, so in libvirt's API */
#define LIMITS(name) LIMIT(name), LIMIT(name "_max"), LIMIT(name "_max_length")

static const struct limit_place places[] = {
	LIMITS("total_bytes_sec"), LIMITS("read_bytes_sec"), LIMITS("write_bytes_sec"),
	LIMITS("total_iops_sec"),  LIMITS("read_iops_sec"),  LIMITS("write_iops_sec"),
	LIMIT("size_iops_sec"),
};

static const struct limit_kind limits = { VIRT_IO_DISK, places, G_N_ELEMENTS(places) };

static enum action_outcome run_update_disk(struct action_ctx *ctx, GError **error)
{
	g_autoptr(DeviceVm) v = device_vm_new(ctx, true, 0, error);
	const TmplAttr *disk = NULL;
	struct domain_attach how;
	g_autofree char *xml = NULL;
	g_autoptr(xmlDoc) doc = NULL;
	struct device_key key = { 0 };

	if (!v)
		return ACTION_FAILED;
	while ((disk = tmpl_set_next(v->vm->level[TMPL_VM], "DISK", disk)))
		if (!g_strcmp0(tmpl_attr_text(disk, "DISK_ID"), ctx->arg[DISK_ID]))
			break;
	if (disk)
		key.target = tmpl_attr_text(disk, "TARGET");
	else
		key.target = NULL;
	if (!key.target || !device_find(v, &key)) {
		vmm_fail(error, VMM_ERROR_NOT_FOUND, "domain %s has no disk %s",
			 virDomainGetName(v->dom), ctx->arg[DISK_ID]);
		return ACTION_FAILED;
	}

	how = device_attach_of(ctx, v, NULL);
	xml = domain_disk_xml(v->vm, disk, &how, NULL, error);
	if (xml)
		doc = xml_parse(xml, strlen(xml), "disk", error);
	else
		doc = NULL;
	if (!doc)
		return ACTION_FAILED;

	return device_limits_set(ctx, v, &limits, key.target,
				 xml_child(xmlDocGetRootElement(doc), "iotune"), error);
}

const struct action action = {
	.name = "update_disk", .usage = "DEPLOY_ID DISK_ID [VM_ID [HOST]]",
	.summary = "Sets the I/O limits of a running VM's disk.",
	.input = "the request document, or the VM document alone",
	.example = "update_disk one-7 0 <request.xml",
	.min_args = 2, .deadline_s = 100, .run = run_update_disk,
};
