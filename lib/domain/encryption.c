/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "xml/xml.h"

/* docs/facts/deployment.md 2.29 */

#define DEFAULT_TUNE_OFFSET_MIB 256

/* What one TYPE of MEMORY_ENCRYPTION is to libvirt. */
struct encryption {
	const char *type;
	const char *security;	/* launchSecurity/@type */
	const char *policy;	/* NULL: none */
	unsigned long since;	/* of libvirt */
	bool pinned;		/* all memory is pinned on the host, which a limit is to allow */
	bool stateless;		/* only firmware that libvirt chooses itself, and no NVRAM */
};

static const struct encryption encryptions[] = {
	/* no debugging, no key sharing; encrypted state; SMT is allowed, bit 17 is always 1 */
	{ "SEV",     "sev",     "0x00000003", 0,                         true,  false },
	{ "SEV-ES",  "sev",     "0x00000007", 0,                         true,  false },
	{ "SEV-SNP", "sev-snp", "0x00030000", DOMAIN_LIBVIRT(10, 5, 0),  false, true },
	{ "TDX",     "tdx",     NULL,         DOMAIN_LIBVIRT(11, 6, 0),  false, true },
};

static const struct encryption *find_encryption(DomainBuild *b, const TmplAttr *vector)
{
	const char *type = tmpl_attr_text(vector, "TYPE");

	for (size_t i = 0; type && i < G_N_ELEMENTS(encryptions); i++)
		if (!g_ascii_strcasecmp(type, encryptions[i].type))
			return &encryptions[i];
	domain_problem(b, vector, "TYPE = '%s': not one of SEV, SEV-ES, SEV-SNP, TDX",
		       domain_or(type, ""));

	return NULL;
}

static bool has_bus(const xmlNode *devices, const char *bus)
{
	for (xmlNode *n = xml_child(devices, "disk"); n; n = xml_next(n))
		if (xml_has(xml_child(n, "target"), "bus", bus))
			return true;
	return false;
}

/* What would start, but not as an encrypted guest, or not at all. */
static void check_encryption(DomainBuild *b, const TmplAttr *vector, const struct encryption *e,
			     const xmlNode *domain)
{
	const xmlNode *devices = xml_child(domain, "devices");
	const char *firmware = domain_text(b, NULL, "OS/FIRMWARE", TMPL_IN_ALL);
	bool uefi = firmware && !g_ascii_strcasecmp(firmware, "UEFI");

	if (xml_child(devices, "hostdev"))
		domain_problem(b, vector, "a VM with encrypted memory can have no PCI device of "
			       "the host");
	if (has_bus(devices, "ide"))
		domain_problem(b, vector, "a VM with encrypted memory can have no IDE disk");
	if (e->stateless && !uefi)
		domain_problem(b, vector, "TYPE = '%s' needs OS/FIRMWARE = UEFI, not '%s'", e->type,
			       domain_or(firmware, ""));
	else if (!firmware || !g_ascii_strcasecmp(firmware, "BIOS"))
		domain_warn(b, "MEMORY_ENCRYPTION needs UEFI in OS/FIRMWARE: such a guest does not "
			    "boot from a BIOS");
	if (b->machine == DOMAIN_MACHINE_PC)
		domain_problem(b, vector, "a VM with encrypted memory needs a q35 machine, not "
			       "'%s'", b->machine_name);
}

/*
 * SEV pins the guest's memory, and a process may lock only so much as its limit says. QEMU
 * needs some for itself as well: that is MEMORY_TUNE_OFFSET.
 */
static void limit(DomainBuild *b, xmlNode *domain)
{
	guint64 offset = DEFAULT_TUNE_OFFSET_MIB;
	g_autofree char *text = NULL;

	domain_number(b, NULL, "MEMORY_TUNE_OFFSET", TMPL_IN_VM | TMPL_IN_CONF,
		      RANGE(0, G_MAXUINT32), &offset);
	text = g_strdup_printf("%" G_GUINT64_FORMAT, b->memory_mib + offset);
	domain_put(b, domain, "memtune/hard_limit", text);
	domain_put(b, domain, "memtune/hard_limit@unit", "MiB");
}

/* libvirt's schema takes hexadecimal only; the longest policy, SEV-SNP's, has 64 bits. */
static bool is_policy(const char *text)
{
	const char *digits = text + 2;

	if (!g_str_has_prefix(text, "0x"))
		return false;
	if (!*digits)
		return false;
	if (strlen(digits) > 16)
		return false;

	return strspn(digits, "0123456789abcdefABCDEF") == strlen(digits);
}

static char *policy(DomainBuild *b G_GNUC_UNUSED, const char *text, const void *arg G_GNUC_UNUSED,
		    char **reason)
{
	if (is_policy(text))
		return g_strdup(text);

	*reason = g_strdup("not a hexadecimal number as 0x00000003");
	return NULL;
}

/* POLICY is for the types that have one: TDX takes none here. */
static void security(DomainBuild *b, xmlNode *domain, const TmplAttr *vector,
		     const struct encryption *e)
{
	const struct domain_rule rules[] = {
		{ NULL, 0, "launchSecurity@type", NULL, NULL, e->security },
		{ e->policy ? "MEMORY_ENCRYPTION/POLICY" : NULL, TMPL_IN_VM,
		  "launchSecurity/policy", policy, NULL, e->policy },
	};

	DOMAIN_EMIT(b, domain, rules, vector);
	if (e->pinned)
		limit(b, domain);
	if (e->stateless)
		domain_put(b, domain, "os/loader@stateless", "yes");
}

void domain_encryption(DomainBuild *b, xmlNode *domain)
{
	const TmplAttr *vector = tmpl_set_vector(b->vm->level[TMPL_VM], "MEMORY_ENCRYPTION");
	const struct encryption *e;

	if (!vector)
		return;

	e = find_encryption(b, vector);
	if (!e || !domain_needs(b, vector, e->type, e->since))
		return;

	check_encryption(b, vector, e, domain);
	security(b, domain, vector, e);
}
