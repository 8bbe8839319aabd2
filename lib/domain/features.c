/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

/* docs/facts/deployment.md 2.26, 2.27 */

#define LIBVIRT_RAS DOMAIN_LIBVIRT(10, 4, 0)

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
	if (b->options->libvirt >= LIBVIRT_RAS)
		domain_put(b, node, "ras@state", "on");
	else
		domain_warn(b, "FEATURES/RAS is left out: it needs libvirt 10.4");
}

/* smm guards the variables of a secure UEFI from the guest's kernel (B17). */
static void features(DomainBuild *b, xmlNode *domain, bool hyperv)
{
	xmlNode *node = domain_element(domain, "features");
	bool arm = !strcmp(b->arch, "aarch64");

	DOMAIN_EMIT(b, node, before, NULL);

	/* ACPI on ARM comes with UEFI only. */
	if (domain_bool(b, NULL, "FEATURES/ACPI", TMPL_IN_ALL) && (!arm || has_uefi(b)))
		domain_element(node, "acpi");
	if (hyperv)
		domain_fragment(b, domain_element(node, "hyperv"), "HYPERV_OPTIONS", TMPL_IN_ALL,
				enlightenments);
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
