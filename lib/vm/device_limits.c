/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/device_limits.h"

enum { ANSWER_MS = 40000 };

static guint64 value_at(const struct limit_place *place, const xmlNode *xml)
{
	g_autofree char *text = place->attribute
					? xml_child_attribute(xml, place->element, place->attribute)
					: xml_child_text(xml, place->element);

	if (text)
		return g_ascii_strtoull(text, NULL, 10);

	return 0;
}

enum action_outcome device_limits_set(struct action_ctx *ctx, DeviceVm *v,
				      const struct limit_kind *kind, const char *device,
				      const xmlNode *xml, GError **error)
{
	bool is_disk = kind->kind == VIRT_IO_DISK;
	const char *what = is_disk ? "the limits of disk" : "the bandwidth of NIC";
	struct virt_limit limit[LIMIT_MAX];
	const struct virt_limits limits = { kind->kind, limit, kind->n };
	GError *cause = NULL;
	enum virt_call_result r;

	g_assert(kind->n <= LIMIT_MAX);
	for (size_t i = 0; i < kind->n; i++) {
		const struct limit_place *place = &kind->place[i];

		limit[i] = (struct virt_limit){ place->name, value_at(place, xml) };
		if (ctx->dry_run && limit[i].value)
			action_print(ctx, "would set %s of %s to %" G_GUINT64_FORMAT "\n",
				     place->name, device, limit[i].value);
	}

	if (ctx->dry_run)
		return ACTION_DONE;
	action_on_abort(ACTION_UNKNOWN, "changing %s %s", what, device);
	do
		r = virt_io_limits(v->dom, device, &limits, action_left_ms(ctx, ANSWER_MS),
				   &cause);
	while (action_call_repeat(ctx, &v->dom, r, &cause));
	return action_judge(ctx, r, cause, error, "cannot change %s %s of domain %s", what, device,
			    virDomainGetName(v->dom));
}
