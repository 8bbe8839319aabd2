/* SPDX-License-Identifier: Apache-2.0 */
/* Source: docs/facts/hosts.md 4. */
#include "facts/facts_parts.h"

#include "base/text.h"
#include "xml/xml.h"

/* The texts of all children called NAME, each once. */
static void add_texts(HostFacts *f, const char **list, const xmlNode *parent, const char *name)
{
	for (xmlNode *n = xml_child(parent, name); n; n = xml_next(n)) {
		g_autofree char *text = xml_text(n);

		facts_add(f, list, g_strstrip(text));
	}
}

static void add_cpu_features(HostFacts *f, const xmlNode *cpu)
{
	for (xmlNode *n = xml_child(cpu, "feature"); n; n = xml_next(n)) {
		g_autofree char *name = xml_attribute(n, "name");

		if (name)
			facts_add(f, &f->libvirt.cpu_features, name);
	}
}

/* The host's own processor, expanded by libvirt to all its features. */
void facts_read_features(HostFacts *f, const char *cpu)
{
	g_autoptr(xmlDoc) doc = cpu ? xml_parse(cpu, strlen(cpu), "processor", NULL) : NULL;

	if (doc)
		add_cpu_features(f, xmlDocGetRootElement(doc));
}

static void read_cpu(HostFacts *f, const xmlNode *cpu)
{
	struct libvirt_fact *v = &f->libvirt;
	g_autofree char *arch = xml_child_text(cpu, "arch");
	g_autofree char *model = xml_child_text(cpu, "model");
	g_autofree char *vendor = xml_child_text(cpu, "vendor");

	v->cpu_arch = facts_keep(f, arch);
	v->cpu_model = facts_keep(f, model);
	v->cpu_vendor = facts_keep(f, vendor);
	add_cpu_features(f, cpu);
}

/* A machine of a domain type replaces those of the arch. */
static void read_guest(HostFacts *f, const xmlNode *arch, const char *type)
{
	struct libvirt_fact *v = &f->libvirt;
	g_autofree char *emulator = xml_child_text(arch, "emulator");
	const xmlNode *domain = NULL;

	v->hvm = true;
	for (xmlNode *n = xml_child(arch, "domain"); n; n = xml_next(n))
		if (xml_has(n, "type", type))
			domain = n;

	v->emulator = facts_keep(f, emulator);
	v->hvm_type = domain != NULL;
	add_texts(f, &v->machines, domain, "machine");
	if (!v->machines)
		add_texts(f, &v->machines, arch, "machine");
}

/* A host may have guests of several architectures: only ARCH is looked at. */
static void read_capabilities(HostFacts *f, const xmlNode *root, const char *arch, const char *type)
{
	read_cpu(f, xml_child(xml_child(root, "host"), "cpu"));

	for (xmlNode *n = xml_child(root, "guest"); n; n = xml_next(n)) {
		g_autofree char *os = xml_child_text(n, "os_type");

		if (!g_strcmp0(os, "hvm") && xml_has(xml_child(n, "arch"), "name", arch))
			read_guest(f, xml_child(n, "arch"), type);
	}
}

/* The values of <enum name='NAME'> in PARENT. */
static void read_enum(HostFacts *f, const char **list, const xmlNode *parent, const char *name)
{
	for (xmlNode *n = xml_child(parent, "enum"); n; n = xml_next(n))
		if (xml_has(n, "name", name))
			add_texts(f, list, n, "value");
}

/* If the element is missing, libvirt is too old to report it: the answer is unknown, not no. */
static enum fact supported(const xmlNode *node)
{
	if (!node)
		return FACT_UNKNOWN;
	if (xml_has(node, "supported", "yes"))
		return FACT_YES;

	return FACT_NO;
}

static void read_models(HostFacts *f, const xmlNode *cpu)
{
	struct libvirt_fact *v = &f->libvirt;
	const xmlNode *custom = NULL;

	for (xmlNode *n = xml_child(cpu, "mode"); n; n = xml_next(n))
		if (xml_has(n, "name", "custom"))
			custom = n;

	for (xmlNode *n = xml_child(custom, "model"); n; n = xml_next(n)) {
		g_autofree char *name = xml_text(n);

		if (xml_has(n, "usable", "no"))
			facts_add(f, &v->unusable, name);
		else
			facts_add(f, &v->models, name);
	}

	/* libvirt says since 10.9.0 what stands in the way. */
	for (xmlNode *n = xml_child(custom, "blockers"); n; n = xml_next(n)) {
		g_autofree char *model = xml_attribute(n, "model");
		g_autoptr(GString) word = g_string_new(model);

		for (xmlNode *b = xml_child(n, "feature"); b; b = xml_next(b)) {
			g_autofree char *name = xml_attribute(b, "name");

			if (b == xml_child(n, "feature"))
				g_string_append_c(word, ':');
			else
				g_string_append_c(word, ',');
			g_string_append(word, text_or(name, ""));
		}

		facts_add(f, &v->blockers, word->str);
	}
}

/* SNP and TDX are in launchSecurity of newer versions, SEV in an element of its own. */
static void read_sev(HostFacts *f, const xmlNode *features)
{
	struct libvirt_fact *v = &f->libvirt;
	const xmlNode *sev = xml_child(features, "sev");
	g_autofree char *guests = xml_child_text(sev, "maxGuests");
	g_autofree char *es_guests = xml_child_text(sev, "maxESGuests");

	v->sev = supported(sev);
	v->tdx = supported(xml_child(features, "tdx"));
	v->sev_guests = facts_keep(f, guests);
	v->sev_es_guests = facts_keep(f, es_guests);
	read_enum(f, &v->secured, xml_child(features, "launchSecurity"), "sectype");
}

static void read_domain(HostFacts *f, const xmlNode *root)
{
	struct libvirt_fact *v = &f->libvirt;
	const xmlNode *os = xml_child(root, "os");
	g_autofree char *vcpus = xml_child_attribute(root, "vcpu", "max");

	v->has_domain = true;
	v->max_vcpus = vcpus ? (unsigned)g_ascii_strtoull(vcpus, NULL, 10) : 0;
	read_enum(f, &v->loaders, os, "firmware");
	read_enum(f, &v->secure, xml_child(os, "loader"), "secure");
	read_models(f, xml_child(root, "cpu"));
	read_enum(f, &v->tpm_backends, xml_child(xml_child(root, "devices"), "tpm"),
		  "backendModel");
	read_sev(f, xml_child(root, "features"));
}

bool facts_read_documents(HostFacts *f, const struct facts_source *s, const char *capabilities,
			  const char *domcapabilities, GError **error)
{
	const char *arch = text_or(s->arch, f->arch);

	if (capabilities) {
		g_autoptr(xmlDoc) doc = xml_parse(capabilities, strlen(capabilities),
						  "capabilities", error);

		if (!doc)
			return false;

		f->libvirt.has_capabilities = true;
		read_capabilities(f, xmlDocGetRootElement(doc), text_or(arch, ""), s->type);
	}

	if (domcapabilities) {
		g_autoptr(xmlDoc) doc = xml_parse(domcapabilities, strlen(domcapabilities),
						  "domain capabilities", error);

		if (!doc)
			return false;

		read_domain(f, xmlDocGetRootElement(doc));
	}

	return true;
}

/* The strongest that it has: MEMORY_ENCRYPTION has one value for a host. */
const char *facts_encryption(const struct libvirt_fact *v)
{
	if (v->sev == FACT_YES && facts_has(v->secured, "sev-snp"))
		return "SEV-SNP";
	if (v->sev == FACT_YES && g_strcmp0(text_or(v->sev_es_guests, "0"), "0") != 0)
		return "SEV-ES";
	if (v->sev == FACT_YES)
		return "SEV";
	if (v->tdx == FACT_YES)
		return "TDX";

	return "NONE";
}
