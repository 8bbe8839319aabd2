/* SPDX-License-Identifier: Apache-2.0 */
#include "fit_document.h"

#include "domain/builder.h"

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
	if (fit_needs(domain, in) == FIT_NEEDS_NOTHING)
		return g_strdup(xml);
	cpus = fit_cpu_map_read(map, arch ? arch : "x86_64", error);
	if (!cpus)
		return NULL;
	input.cpus = cpus;
	if (!fit_domain(domain, &input, &result, error))
		return NULL;
	if (!result.changes->len)
		return g_strdup(xml);

	return domain_print(domain);
}
