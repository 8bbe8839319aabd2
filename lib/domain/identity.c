/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

/* docs/facts/deployment.md 2.2, 2.3 */

static const struct domain_pattern_rule uuid = { "-", 36, "a UUID", domain_is_uuid };

static const struct domain_rule rules[] = {
	/* attribute  levels      path    convert         argument absent */
	{ "OS/UUID",  TMPL_IN_VM, "uuid", domain_pattern, &uuid,   NULL },
};

/*
 * The UUID is made of what never changes: if it differed at each deployment, the TPM's state would
 * be lost.
 */
static void own_uuid(DomainBuild *b, xmlNode *domain)
{
	g_autofree char *text = g_strdup_printf("one-%s %s", b->id, tmpl_vm_header(b->vm, "STIME"));
	g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA1, text, -1);
	g_autofree char *uuid_text = NULL;

	if (domain_text(b, NULL, "OS/UUID", TMPL_IN_VM))
		return;

	uuid_text = g_strdup_printf("%.8s-%.4s-5%.3s-a%.3s-%.12s", hex, hex + 8, hex + 13, hex + 17,
				    hex + 20);
	domain_text_element(b, domain, "uuid", uuid_text);
}

/* libvirt takes no line end in a title. */
static void title(DomainBuild *b, xmlNode *domain)
{
	g_autofree char *text = g_strdup(tmpl_vm_header(b->vm, "NAME"));

	g_strdelimit(text, "\r\n", ' ');
	if (*text)
		domain_text_element(b, domain, "title", text);
}

/* A topology is of a fixed size: what the site says of all VMs is not for one that has it. */
bool domain_vcpu_max(DomainBuild *b, guint64 *ret)
{
	unsigned levels = TMPL_IN_ALL;

	if (domain_has_topology(b))
		levels = TMPL_IN_VM;

	return domain_number(b, NULL, "VCPU_MAX", levels, RANGE(1, G_MAXUINT16), ret);
}

/* libvirt's <vcpu> is the maximum, of which "current" are there at the start. */
static void vcpu(DomainBuild *b, xmlNode *domain)
{
	g_autofree char *text = NULL;
	guint64 max = 0;
	bool has_max = domain_vcpu_max(b, &max);
	xmlNode *node;

	if (!has_max && !b->vcpus)
		return;
	if (has_max && max < b->vcpus)
		domain_problem(b, NULL, "VCPU = %" G_GUINT64_FORMAT " is more than VCPU_MAX = %"
			       G_GUINT64_FORMAT, b->vcpus, max);
	node = domain_element(domain, "vcpu");
	if (has_max)
		domain_set_number(node, "current", b->vcpus);
	text = g_strdup_printf("%" G_GUINT64_FORMAT, has_max ? max : b->vcpus);
	domain_set_text(b, node, text);
}

/* Of these only the first is read. */
static void check_twice(DomainBuild *b)
{
	static const struct { const char *name; bool bad; } vectors[] = {
		{ "OS", true },      { "FEATURES", true },          { "CPU_MODEL", true },
		{ "TOPOLOGY", true }, { "MEMORY_ENCRYPTION", true }, { "IOMMU", true },
		{ "TPM", true },     { "GRAPHICS", false },         { "VIDEO", false },
		{ "INPUT", false },  { "CONTEXT", false },
	};
	const TmplSet *vm = b->vm->level[TMPL_VM];

	for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
		const TmplAttr *first = tmpl_set_vector(vm, vectors[i].name);

		if (!first)
			continue;
		if (!tmpl_set_next(vm, vectors[i].name, first))
			continue;
		if (vectors[i].bad)
			domain_problem(b, NULL, "duplicate %s", vectors[i].name);
		else
			domain_warn(b, "duplicate %s: only the first is used", vectors[i].name);
	}
}

void domain_identity(DomainBuild *b, xmlNode *domain)
{
	g_autofree char *name = g_strconcat("one-", b->id, NULL);

	check_twice(b);
	domain_text_element(b, domain, "name", name);
	title(b, domain);
	DOMAIN_EMIT(b, domain, rules, NULL);
	own_uuid(b, domain);
	vcpu(b, domain);
}
