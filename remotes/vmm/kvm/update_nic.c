/* update_nic - gives a running VM's NICs in a network the bandwidth that its document says now. */
#include "action/device.h"
#include "virt/tune.h"

enum { DEPLOY_ID, NETWORK, VM_ID, ANSWER_MS = 40000 };

static const struct {
	const char *element, *attribute, *name;
} places[] = {
	{ "inbound", "average", VIR_DOMAIN_BANDWIDTH_IN_AVERAGE },
	{ "inbound", "peak", VIR_DOMAIN_BANDWIDTH_IN_PEAK },
	{ "inbound", "burst", VIR_DOMAIN_BANDWIDTH_IN_BURST },
	{ "outbound", "average", VIR_DOMAIN_BANDWIDTH_OUT_AVERAGE },
	{ "outbound", "peak", VIR_DOMAIN_BANDWIDTH_OUT_PEAK },
	{ "outbound", "burst", VIR_DOMAIN_BANDWIDTH_OUT_BURST },
};

static enum action_outcome update(struct action_ctx *ctx, DeviceVm *v, const char *mac,
				  const xmlNode *bandwidth, GError **error)
{
	struct virt_limit limits[G_N_ELEMENTS(places)];
	GError *cause = NULL;
	enum virt_late r;

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autofree char *text = device_attribute(bandwidth, places[i].element,
							 places[i].attribute);

		limits[i] = (struct virt_limit){ places[i].name,
						 text ? g_ascii_strtoull(text, NULL, 10) : 0 };
		if (ctx->dry_run && limits[i].value)
			action_print(ctx, "would set %s of NIC %s to %" G_GUINT64_FORMAT "\n",
				     places[i].name, mac, limits[i].value);
	}
	if (ctx->dry_run)
		return ACTION_DONE;
	action_outcome(ACTION_UNKNOWN, "changing the bandwidth of NIC %s", mac);
	do
		r = virt_tune(v->dom, VIRT_TUNE_NIC, mac, limits, G_N_ELEMENTS(limits),
			      action_left_ms(ctx, ANSWER_MS), &cause);
	while (action_call_again(ctx, &v->dom, r, &cause));
	return action_judge(ctx, r, cause, error, "cannot change the bandwidth of NIC %s of domain "
			    "%s", mac, virDomainGetName(v->dom));
}

static enum action_outcome one(struct action_ctx *ctx, DeviceVm *v, const TmplAttr *nic,
			       GError **error)
{
	const struct domain_attach how = device_attach_of(ctx, v, NULL);
	g_autofree char *xml = domain_nic_xml(v->vm, nic, &how, NULL, error);
	g_autoptr(xmlDoc) doc = xml ? tmpl_xml_parse(xml, strlen(xml), "NIC", error) : NULL;

	if (!doc)
		return ACTION_FAILED;
	return update(ctx, v, tmpl_attr_text(nic, "MAC"),
		      tmpl_xml_child(xmlDocGetRootElement(doc), "bandwidth"), error);
}

static enum action_outcome run(struct action_ctx *ctx, GError **error)
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
	.summary = "Gives a running VM's NICs in a network the bandwidth in the document on stdin.",
	.min_args = 2, .deadline_s = 100, .run = run,
};
