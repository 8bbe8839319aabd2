/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/cpu_live.h"

static const xmlNode *live_feature(const xmlNode *cpu, const FitCpuMap *map, const char *name)
{
	for (const xmlNode *n = xml_child(cpu, "feature"); n; n = xml_next(n)) {
		g_autofree char *text = xml_attribute(n, "name");

		if (text && !g_strcmp0(fit_cpu_map_feature(map, text), name))
			return n;
	}

	return NULL;
}

/*
 * What is not named is as the model has it. With host-passthrough and maximum what was asked for
 * is named, and libvirt has looked itself (fit_cpu_edit_check()).
 */
static bool has_live(const xmlNode *cpu, const FitCpuMap *map, const char *name)
{
	const xmlNode *feature = live_feature(cpu, map, name);
	g_autofree char *model = xml_child_text(cpu, "model");

	if (feature)
		return !xml_has(feature, "policy", "disable") &&
		       !xml_has(feature, "policy", "forbid");
	if (!model)
		return false;

	return fit_cpu_map_has(map, model, name);
}

char *fit_cpu_live_lacks(const xmlNode *domain, const FitCpuMap *map, const GPtrArray *required)
{
	const xmlNode *cpu = xml_child(domain, "cpu");
	g_autoptr(GPtrArray) list = g_ptr_array_new();

	for (guint i = 0; i < required->len; i++)
		if (!has_live(cpu, map, required->pdata[i]))
			g_ptr_array_add(list, required->pdata[i]);
	if (!list->len)
		return NULL;
	g_ptr_array_add(list, NULL);

	return g_strjoinv(", ", (char **)list->pdata);
}

bool fit_cpu_live_may_nest(const xmlNode *domain, const FitCpuMap *map)
{
	static const char *const flags[] = { "vmx", "svm" };
	const xmlNode *cpu = xml_child(domain, "cpu");
	bool whole = xml_has(cpu, "mode", "host-passthrough") || xml_has(cpu, "mode", "maximum");

	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
		if (has_live(cpu, map, flags[i]))
			return true;
		if (live_feature(cpu, map, flags[i]))	/* disabled */
			whole = false;
	}

	return whole;
}
