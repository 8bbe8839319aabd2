/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update_nic - gives a running VM's NICs in a network the bandwidth that its document says now.
 *
 * All NICs of the VM in that network get what their own part of the document says; a NIC that the
 * document has and the domain has not is left out, as it may be attached later.
 */
#include "vm/device_limits.h"

enum { DEPLOY_ID, NETWORK };

static const struct limit_place places[] = {
	{ "inbound", "average", VIR_DOMAIN_BANDWIDTH_IN_AVERAGE },
	{ "inbound", "peak", VIR_DOMAIN_BANDWIDTH_IN_PEAK },
	{ "inbound", "burst", VIR_DOMAIN_BANDWIDTH_IN_BURST },
	{ "outbound", "average", VIR_DOMAIN_BANDWIDTH_OUT_AVERAGE },
	{ "outbound", "peak", VIR_DOMAIN_BANDWIDTH_OUT_PEAK },
	{ "outbound", "burst", VIR_DOMAIN_BANDWIDTH_OUT_BURST },
};

static const struct limit_kind limits = { VIRT_IO_NIC, places, G_N_ELEMENTS(places) };

static enum action_outcome one(struct action_ctx *ctx, DeviceVm *v, const TmplAttr *nic,
			       GError **error)
{
	const struct domain_attach how = device_attach_of(ctx, v, NULL);
	g_autofree char *xml = domain_nic_xml(v->vm, nic, &how, NULL, error);
	g_autoptr(xmlDoc) doc = xml ? xml_parse(xml, strlen(xml), "NIC", error) : NULL;

	if (!doc)
		return ACTION_FAILED;

	return device_limits_set(ctx, v, &limits, tmpl_attr_text(nic, "MAC"),
				 xml_child(xmlDocGetRootElement(doc), "bandwidth"), error);
}

static enum action_outcome run_update_nic(struct action_ctx *ctx, GError **error)
{
	g_autoptr(DeviceVm) v = device_vm_new(ctx, true, 0, error);
	enum action_outcome outcome = ACTION_DONE;
	const TmplAttr *nic = NULL;

	if (!v)
		return ACTION_FAILED;
	while (outcome == ACTION_DONE &&
	       (nic = tmpl_set_next(v->vm->level[TMPL_VM], "NIC", nic))) {
		const struct device_key key = { .mac = tmpl_attr_text(nic, "MAC") };

		if (g_strcmp0(tmpl_attr_text(nic, "NETWORK_ID"), ctx->arg[NETWORK]) == 0 &&
		    key.mac && device_find(v, &key))
			outcome = one(ctx, v, nic, error);
	}

	return outcome;
}

const struct action action = {
	.name = "update_nic", .usage = "DEPLOY_ID NETWORK_ID [VM_ID [HOST]]",
	.summary = "Sets the bandwidth of a running VM's NICs in one network.",
	.input = "the request document, or the VM document alone",
	.example = "update_nic one-7 3 <request.xml",
	.min_args = 2, .deadline_s = 100, .run = run_update_nic,
};
