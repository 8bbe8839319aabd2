/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach_nic - gives a running VM one more NIC or PCI device.
 *
 * The MAC, or the PCI address, says whether the VM has the device already; then nothing is done.
 * A guest with encrypted memory takes no device of the host, and this is said before libvirt
 * unbinds the device from its driver.
 */
#include "vm/device.h"
#include "base/text.h"
#include "vm/live_guard.h"
#include "vm/others_use.h"

enum { DEPLOY_ID, MAC, BRIDGE, MODEL, VN_MAD, TARGET, VM_ID };

static gboolean is_unused;

static const GOptionEntry options[] = {
	{ "unused", 0, 0, G_OPTION_ARG_NONE, &is_unused,
	  "Refuse an address that a NIC of a domain of this host has", NULL },
	{ 0 }
};

static enum action_outcome attach(struct action_ctx *ctx, DeviceVm *v, const TmplAttr *nic,
				  const TmplAttr *pci, GError **error)
{
	const struct domain_attach how = device_attach_of(ctx, v, NULL);
	const char *mac = tmpl_attr_text(nic ? nic : pci, "MAC");
	const struct device_key key = { .mac = mac, .pci = pci };
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *xml = nic ? domain_nic_xml(v->vm, nic, &how, warnings, error) :
				     domain_pci_xml(v->vm, pci, &how, warnings, error);
	g_autofree char *what = g_strdup_printf("%s%s%s", nic ? "NIC" : "PCI device",
						mac ? " " : "", text_or(mac, ""));

	for (guint i = 0; i < warnings->len; i++)
		action_log("WARN", "%s", (const char *)warnings->pdata[i]);
	if (!xml)
		return ACTION_FAILED;
	if (is_unused && mac && !others_use_check_mac(ctx, v, mac, error))
		return ACTION_FAILED;
	if (device_find(v, &key)) {
		action_log("INFO", "domain %s has %s already", virDomainGetName(v->dom), what);
		return ACTION_DONE;
	}

	if (ctx->dry_run) {
		action_print(ctx, "would attach to domain %s:\n%s\n", virDomainGetName(v->dom),
			     xml);
		return ACTION_DONE;
	}

	return device_attach(ctx, v, what, &key, xml, error);
}

static enum action_outcome run_attach_nic(struct action_ctx *ctx, GError **error)
{
	g_autoptr(DeviceVm) v = device_vm_new(ctx, true, 0, error);
	const TmplAttr *nic = v ? tmpl_vm_attached(v->vm, "NIC") : NULL;
	const TmplAttr *pci = v && !nic ? tmpl_vm_attached(v->vm, "PCI") : NULL;

	if (!v)
		return ACTION_FAILED;
	if (!nic && !pci) {
		vmm_fail(error, VMM_ERROR_INPUT, "stdin: no NIC or PCI has ATTACH = YES");
		return ACTION_FAILED;
	}

	if (pci && !live_guard_host_device(xmlDocGetRootElement(v->live), error))
		return ACTION_FAILED;

	domain_attach_defaults(v->vm, ctx->rc);

	return attach(ctx, v, nic, pci, error);
}

const struct action action = {
	.name = "attach_nic", .usage = "DEPLOY_ID [MAC [BRIDGE [MODEL [VN_MAD [TARGET [VM_ID]]]]]]",
	.summary = "Attaches the NIC or PCI device with ATTACH = YES to a running VM.",
	.input = "the request document, or the VM document alone",
	.example = "attach_nic one-7 <request.xml",
	.min_args = 1, .vm_id = VM_ID, .deadline_s = 100, .options = options,
	.run = run_attach_nic,
};
