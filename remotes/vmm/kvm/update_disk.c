/* update_disk - gives a disk of a running VM the limits that its document says now. */
#include "action/device.h"
#include "base/number.h"
#include "virt/tune.h"

enum { DEPLOY_ID, DISK_ID, VM_ID, ANSWER_MS = 40000 };

/* As in the XML and in libvirt's API alike; what the document does not say is no limit. */
static const char *const names[] = {
	"total_bytes_sec", "total_bytes_sec_max", "total_bytes_sec_max_length",
	"read_bytes_sec", "read_bytes_sec_max", "read_bytes_sec_max_length",
	"write_bytes_sec", "write_bytes_sec_max", "write_bytes_sec_max_length",
	"total_iops_sec", "total_iops_sec_max", "total_iops_sec_max_length",
	"read_iops_sec", "read_iops_sec_max", "read_iops_sec_max_length",
	"write_iops_sec", "write_iops_sec_max", "write_iops_sec_max_length", "size_iops_sec",
};

static enum action_outcome update(struct action_ctx *ctx, DeviceVm *v, const char *target,
				  const xmlNode *iotune, GError **error)
{
	struct virt_limit limits[G_N_ELEMENTS(names)];
	GError *cause = NULL;
	enum virt_late r;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *text = tmpl_xml_child_text(iotune, names[i]);

		limits[i] = (struct virt_limit){ names[i],
						 text ? g_ascii_strtoull(text, NULL, 10) : 0 };
		if (ctx->dry_run && limits[i].value)
			action_print(ctx, "would set %s of disk %s to %" G_GUINT64_FORMAT "\n",
				     names[i], target, limits[i].value);
	}
	if (ctx->dry_run)
		return ACTION_DONE;
	action_outcome(ACTION_UNKNOWN, "changing limits of disk %s", target);
	do
		r = virt_tune(v->dom, VIRT_TUNE_DISK, target, limits, G_N_ELEMENTS(limits),
			      action_left_ms(ctx, ANSWER_MS), &cause);
	while (action_call_again(ctx, &v->dom, r, &cause));
	return action_judge(ctx, r, cause, error, "cannot change the limits of disk %s of domain "
			    "%s", target, virDomainGetName(v->dom));
}

static enum action_outcome run(struct action_ctx *ctx, GError **error)
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
	key.target = disk ? tmpl_attr_text(disk, "TARGET") : NULL;
	if (!key.target || !device_find(v, &key)) {
		vmm_fail(error, VMM_ERROR_NOT_FOUND, "domain %s has no disk %s",
			 virDomainGetName(v->dom), ctx->arg[DISK_ID]);
		return ACTION_FAILED;
	}
	how = device_attach_of(ctx, v, NULL);
	xml = domain_disk_xml(v->vm, disk, &how, NULL, error);
	doc = xml ? tmpl_xml_parse(xml, strlen(xml), "disk", error) : NULL;
	if (!doc)
		return ACTION_FAILED;
	return update(ctx, v, key.target, tmpl_xml_child(xmlDocGetRootElement(doc), "iotune"),
		      error);
}

const struct action action = {
	.name = "update_disk", .usage = "DEPLOY_ID DISK_ID [VM_ID [HOST]]",
	.summary = "Gives a running VM's disk the limits that the document on stdin says.",
	.min_args = 2, .deadline_s = 100, .run = run,
};
