/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "fit/encryption_rules.h"
#include "xml/xml.h"

/* docs/facts/deployment.md 2.29 */

#define DEFAULT_TUNE_OFFSET_MIB 256
#define SNP_FIRMWARE DOMAIN_LIBVIRT(11, 8, 0)

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

static void check_rules(DomainBuild *b, const TmplAttr *vector, const struct encryption *e,
			const xmlNode *domain)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);

	fit_encryption_check(domain, e->type, problems);
	for (guint i = 0; i < problems->len; i++)
		domain_problem(b, vector, "%s", (const char *)problems->pdata[i]);
}

/* What would start, but not as an encrypted guest, or not at all. */
static void check_encryption(DomainBuild *b, const TmplAttr *vector, const struct encryption *e,
			     const xmlNode *domain)
{
	check_rules(b, vector, e, domain);
	if (g_str_equal(e->type, "SEV-SNP") && b->options->libvirt < SNP_FIRMWARE)
		domain_warn(b, "MEMORY_ENCRYPTION: libvirt before 11.8.0 may choose a firmware for "
			    "SEV-SNP that is not stateless; the guest does not start with it");
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
	domain_encryption_keys(b, domain, vector);
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
	if (!e || !domain_needs(b, vector, e->type, GATE(e->since, e->security)))
		return;

	check_encryption(b, vector, e, domain);
	security(b, domain, vector, e);
}

void domain_encryption_rules(DomainBuild *b, const xmlNode *domain)
{
	const TmplAttr *vector = tmpl_set_vector(b->vm->level[TMPL_VM], "MEMORY_ENCRYPTION");
	const char *type = tmpl_attr_text(vector, "TYPE");

	for (size_t i = 0; type && i < G_N_ELEMENTS(encryptions); i++)
		if (!g_ascii_strcasecmp(type, encryptions[i].type))
			check_rules(b, vector, &encryptions[i], domain);
}
