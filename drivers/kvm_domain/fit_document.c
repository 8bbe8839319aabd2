/* SPDX-License-Identifier: Apache-2.0 */
#include "fit_document.h"

#include "base/text.h"
#include "domain/builder.h"
#include "fit/arch_fit.h"

/* DOMAIN may be of another architecture than the host. */
static bool emulate(xmlNode *domain, const struct fit_input *in, FitResult *result, GError **error)
{
	const xmlNode *cpu = xml_child(xml_child(in->capabilities, "host"), "cpu");
	g_autofree char *here = xml_child_text(cpu, "arch");

	if (!fit_arch_is_foreign(domain, here))
		return true;

	return fit_arch(domain, in->capabilities, result->changes, error);
}

/* A fragment has no blanks between elements, so that what is added is indented like the rest. */
char *fit_document(const char *xml, const struct fit_input *in, const char *map, GError **error)
{
	g_autoptr(xmlDoc) doc = xml_parse_fragment(xml, "domain", error);
	xmlNode *domain = xml_child(xmlDocGetRootElement(doc), "domain");
	g_autofree char *arch = xml_child_attribute(xml_child(domain, "os"), "type", "arch");
	g_autoptr(FitCpuMap) cpus = NULL;
	g_auto(FitResult) result = { 0 };
	struct fit_input input = *in;

	if (!domain)
		return NULL;
	fit_result_init(&result);
	if (!emulate(domain, in, &result, error))
		return NULL;
	if (result.changes->len == 0 && fit_needs(domain, in) == FIT_NEEDS_NOTHING)
		return g_strdup(xml);
	cpus = fit_cpu_map_read(map, text_or(arch, "x86_64"), error);
	if (!cpus)
		return NULL;
	input.cpus = cpus;
	if (!fit_domain(domain, &input, &result, error))
		return NULL;
	if (!result.changes->len)
		return g_strdup(xml);

	return domain_print(domain);
}
