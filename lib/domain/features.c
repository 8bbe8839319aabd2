/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "xml/xml.h"

/* docs/facts/deployment.md 2.26, 2.27 */

#define LIBVIRT_RAS DOMAIN_LIBVIRT(10, 4, 0)
#define LIBVIRT_BITMAPS DOMAIN_LIBVIRT(10, 7, 0)

static const char *const enlightenments[] = {
	"relaxed", "vapic", "spinlocks", "vpindex", "runtime", "synic", "stimer", "reset",
	"vendor_id", "frequencies", "reenlightenment", "tlbflush", "ipi", "evmcs", "avic",
	"emsr_bitmap", "xmm_input", NULL
};
static const char *const timers[] = { "timer", NULL };
static const char *const gic_versions[] = { "2", "3", "host", NULL };

static const struct domain_rule before[] = {
	/* attribute         levels path          convert        argument     absent */
	{ "FEATURES/PAE",    0,     "pae",        domain_if_yes, "",          NULL },
	{ "FEATURES/APIC",   0,     "apic",       domain_if_yes, "",          NULL },
};

/* Processors that have neither these nor ACPI; the switches may be defaults of a site with both. */
static const char *const without_acpi[] = { "ppc64", "ppc64le", "s390x", NULL };

static const struct domain_rule gic[] = {
	{ "FEATURES/GIC",    0,     "gic@version", domain_one_of, gic_versions, NULL },
};

/* Without a FIRMWARE, libvirt gives the VM a BIOS. */
static bool has_uefi(DomainBuild *b)
{
	const char *firmware = domain_text(b, NULL, "OS/FIRMWARE", TMPL_IN_ALL);

	if (!firmware)
		return false;

	return g_ascii_strcasecmp(firmware, "BIOS");
}

static void ras(DomainBuild *b, xmlNode *node)
{
	if (!domain_bool(b, NULL, "FEATURES/RAS", TMPL_IN_ALL))
		return;
	if (domain_has_gate(b, GATE(LIBVIRT_RAS, "ras")))
		domain_put(b, node, "ras@state", "on");
	else
		domain_warn(b, "FEATURES/RAS is left out: it needs libvirt 10.4");
}

static void hyperv_options(DomainBuild *b, xmlNode *node)
{
	static const char *const newer[] = { "emsr_bitmap", "xmm_input" };

	domain_fragment(b, node, "HYPERV_OPTIONS", TMPL_IN_ALL, enlightenments);
	for (size_t i = 0; i < G_N_ELEMENTS(newer); i++) {
		g_autofree char *what = g_strdup_printf("HYPERV_OPTIONS: <%s>", newer[i]);

		if (xml_child(node, newer[i]))
			domain_needs(b, NULL, what, GATE(LIBVIRT_BITMAPS, newer[i]));
	}
}

/* smm guards the variables of a secure UEFI from the guest's kernel (B17). */
static void features(DomainBuild *b, xmlNode *domain, bool hyperv)
{
	xmlNode *node = domain_element(domain, "features");
	bool arm = !strcmp(b->arch, "aarch64");
	bool acpi = !g_strv_contains(without_acpi, b->arch);

	if (acpi)
		DOMAIN_EMIT(b, node, before, NULL);

	/* ACPI on ARM comes with UEFI only. */
	if (acpi && domain_bool(b, NULL, "FEATURES/ACPI", TMPL_IN_ALL) && (!arm || has_uefi(b)))
		domain_element(node, "acpi");
	if (hyperv)
		hyperv_options(b, domain_element(node, "hyperv"));
	if (domain_bool(b, NULL, "OS/FIRMWARE_SECURE", TMPL_IN_ALL) && has_uefi(b) && !arm)
		domain_put(b, node, "smm@state", "on");
	DOMAIN_EMIT(b, node, gic, NULL);
	ras(b, node);

	if (!node->children) {
		xmlUnlinkNode(node);
		xmlFreeNode(node);
	}
}

/* HYPERV needs a <clock> for its timers, LOCALTIME for its offset (B7). */
void domain_features(DomainBuild *b, xmlNode *domain)
{
	bool hyperv = domain_bool(b, NULL, "FEATURES/HYPERV", TMPL_IN_ALL);
	bool localtime = domain_bool(b, NULL, "FEATURES/LOCALTIME", TMPL_IN_ALL);
	xmlNode *clock;

	features(b, domain, hyperv);
	if (!hyperv && !localtime)
		return;

	clock = domain_element(domain, "clock");
	domain_set(b, clock, "offset", localtime ? "localtime" : "utc");

	if (hyperv)
		domain_fragment(b, clock, "HYPERV_TIMERS", TMPL_IN_ALL, timers);
}
