/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/cpu_edit.h"

G_GNUC_PRINTF(2, 3)
static void note_change(struct fit_cpu_edit *edit, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_ptr_array_add(edit->changes, g_strdup_vprintf(format, ap));
	va_end(ap);
}

static xmlNode *cpu_of(struct fit_cpu_edit *edit)
{
	xmlNode *cpu = xml_child(edit->domain, "cpu");

	if (cpu)
		return cpu;

	return xmlNewChild(edit->domain, NULL, BAD_CAST "cpu", NULL);
}

static void drop_node(xmlNode *node)
{
	xmlUnlinkNode(node);
	xmlFreeNode(node);
}

static void drop_children(xmlNode *parent, const char *name)
{
	xmlNode *node;

	while ((node = xml_child(parent, name)))
		drop_node(node);
}

/* A model without a mode is custom. */
static bool has_mode(const xmlNode *cpu, const char *mode)
{
	if (xml_has(cpu, "mode", mode))
		return true;
	if (xmlHasProp((xmlNode *)cpu, BAD_CAST "mode"))
		return false;

	return g_str_equal(mode, "custom") && xml_child(cpu, "model");
}

void fit_cpu_edit_mode(struct fit_cpu_edit *edit, const char *mode)
{
	xmlNode *cpu = cpu_of(edit);

	if (has_mode(cpu, mode))
		return;
	xmlSetProp(cpu, BAD_CAST "mode", BAD_CAST mode);
	if (!g_str_equal(mode, "custom"))
		drop_children(cpu, "model");
	note_change(edit, "cpu/@mode = %s: %s", mode, edit->from);
}

static xmlNode *new_model(xmlNode *cpu)
{
	xmlNode *node = xmlNewNode(NULL, BAD_CAST "model");

	xmlSetProp(node, BAD_CAST "fallback", BAD_CAST "forbid");
	if (cpu->children)
		xmlAddPrevSibling(cpu->children, node);
	else
		xmlAddChild(cpu, node);

	return node;
}

void fit_cpu_edit_model(struct fit_cpu_edit *edit, const char *model, const char *why)
{
	xmlNode *cpu = cpu_of(edit), *node = xml_child(cpu, "model");
	g_autofree char *old = xml_text(node);
	const char *colon = "";

	if (!g_strcmp0(old, model))
		return;
	if (!node)
		node = new_model(cpu);
	if (*why)
		colon = ": ";

	xmlNodeSetContent(node, NULL);
	xmlNodeAddContent(node, BAD_CAST model);
	note_change(edit, "cpu/model = %s: %s%s%s", model, edit->from, colon, why);
}

void fit_cpu_edit_remove(struct fit_cpu_edit *edit)
{
	static const char *const attributes[] = { "mode", "match", "check", "migratable" };
	static const char *const children[] = { "model", "vendor", "feature" };
	xmlNode *cpu = xml_child(edit->domain, "cpu");

	if (!cpu)
		return;
	if (!xmlHasProp(cpu, BAD_CAST "mode") && !xml_child(cpu, "model"))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++)
		xmlUnsetProp(cpu, BAD_CAST attributes[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(children); i++)
		drop_children(cpu, children[i]);
	if (!xmlFirstElementChild(cpu))
		drop_node(cpu);
	note_change(edit, "cpu has no model: %s", edit->from);
}

static bool is_called(const xmlNode *node, const FitCpuMap *map, const char *name)
{
	g_autofree char *text = xml_attribute(node, "name");
	const char *known = NULL;

	if (text)
		known = fit_cpu_map_feature(map, text);
	if (known)
		return g_str_equal(known, name);

	return !g_strcmp0(text, name);
}

/* The only element of that feature, others are removed; NULL: there is none. */
static xmlNode *only_feature(xmlNode *cpu, const FitCpuMap *map, const char *name)
{
	xmlNode *found = NULL, *next;

	for (xmlNode *n = xml_child(cpu, "feature"); n; n = next) {
		next = xml_next(n);
		if (!is_called(n, map, name))
			continue;
		if (found)
			drop_node(n);
		else
			found = n;
	}

	return found;
}

void fit_cpu_edit_feature(struct fit_cpu_edit *edit, const FitCpuMap *map,
			  const struct fit_cpu_feature *feature)
{
	xmlNode *cpu = cpu_of(edit), *node = only_feature(cpu, map, feature->name);
	const char *policy = feature->on ? "require" : "disable";
	bool is_so = node && xml_has(node, "policy", policy) &&
		     xml_has(node, "name", feature->name);

	if (is_so)
		return;
	if (!node)
		node = xmlNewChild(cpu, NULL, BAD_CAST "feature", NULL);
	xmlSetProp(node, BAD_CAST "policy", BAD_CAST policy);
	xmlSetProp(node, BAD_CAST "name", BAD_CAST feature->name);
	note_change(edit, "cpu/feature %s = %s: CPU_MODEL or FEATURES/NESTED", feature->name,
		    policy);
}

void fit_cpu_edit_check(struct fit_cpu_edit *edit)
{
	xmlNode *cpu = cpu_of(edit);

	if (xml_has(cpu, "check", "full"))
		return;
	xmlSetProp(cpu, BAD_CAST "check", BAD_CAST "full");
	note_change(edit, "cpu/@check = full: CPU_MODEL or FEATURES/NESTED requires features");
}

void fit_cpu_edit_phys_bits(struct fit_cpu_edit *edit, guint bits)
{
	xmlNode *cpu = cpu_of(edit), *node = xml_child(cpu, "maxphysaddr");
	g_autofree char *number = bits ? g_strdup_printf("%u", bits) : NULL;
	g_autofree char *old_mode = xml_attribute(node, "mode");
	g_autofree char *old_bits = xml_attribute(node, "bits");
	const char *mode = bits ? "emulate" : "passthrough";

	if (!g_strcmp0(old_mode, mode) && !g_strcmp0(old_bits, number))
		return;
	if (!node)
		node = xmlNewChild(cpu, NULL, BAD_CAST "maxphysaddr", NULL);
	xmlSetProp(node, BAD_CAST "mode", BAD_CAST mode);
	xmlUnsetProp(node, BAD_CAST "bits");
	if (number)
		xmlSetProp(node, BAD_CAST "bits", BAD_CAST number);
	note_change(edit, "cpu/maxphysaddr = %s: CPU_MODEL/PHYS_BITS", number ? number : mode);
}
