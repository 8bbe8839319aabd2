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

enum action_outcome device_limits_set(struct action_ctx *ctx, DeviceVm *v, enum virt_io_kind kind,
				      const char *device, const struct limit_place *places,
				      size_t n, const xmlNode *xml, GError **error)
{
	const char *what = kind == VIRT_IO_DISK ? "the limits of disk" : "the bandwidth of NIC";
	struct virt_limit limits[LIMIT_MAX];
	GError *cause = NULL;
	enum virt_call_result r;

	g_assert(n <= LIMIT_MAX);
	for (size_t i = 0; i < n; i++) {
		limits[i] = (struct virt_limit){ places[i].name, value_at(&places[i], xml) };
		if (ctx->dry_run && limits[i].value)
			action_print(ctx, "would set %s of %s to %" G_GUINT64_FORMAT "\n",
				     places[i].name, device, limits[i].value);
	}

	if (ctx->dry_run)
		return ACTION_DONE;
	action_on_abort(ACTION_UNKNOWN, "changing %s %s", what, device);
	do
		r = virt_io_limits(v->dom, kind, device, limits, n, action_left_ms(ctx, ANSWER_MS),
				   &cause);
	while (action_call_repeat(ctx, &v->dom, r, &cause));
	return action_judge(ctx, r, cause, error, "cannot change %s %s of domain %s", what, device,
			    virDomainGetName(v->dom));
}
