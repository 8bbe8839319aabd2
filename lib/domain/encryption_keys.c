/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include <string.h>

#include "xml/xml.h"

/* docs/facts/deployment.md 2.29. What the owner of an encrypted guest gives: it is never shown. */

/* One key of MEMORY_ENCRYPTION; the types of launchSecurity it is for. */
static const struct key {
	const char *key, *security, *path;
	size_t size;		/* in bytes, once decoded; 0: any */
} keys[] = {
	{ "SESSION",   "sev",     "launchSecurity/session",  0 },
	{ "DH_CERT",   "sev",     "launchSecurity/dhCert",   0 },
	{ "ID_BLOCK",  "sev-snp", "launchSecurity/idBlock",  96 },
	{ "ID_AUTH",   "sev-snp", "launchSecurity/idAuth",   4096 },
	{ "HOST_DATA", "sev-snp", "launchSecurity/hostData", 32 },
};

static bool is_base64(const char *text)
{
	size_t len = strlen(text);
	size_t digits = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/");

	if (!len || len % 4 != 0)
		return false;
	if (len - digits > 2)
		return false;

	return strspn(text + digits, "=") == len - digits;
}

static size_t decoded_size(const char *text)
{
	size_t len = strlen(text);

	return len / 4 * 3 - (len - strcspn(text, "="));
}

/* The value of a key is in no message. */
static bool check_key(DomainBuild *b, const TmplAttr *vector, const struct key *k, const char *type,
		      const char *text)
{
	size_t before = b->problems->len;

	if (!g_str_equal(type, k->security))
		domain_problem(b, vector, "%s is for TYPE = %s", k->key,
			       g_str_equal(k->security, "sev") ? "SEV or SEV-ES" : "SEV-SNP");
	else if (!is_base64(text))
		domain_problem(b, vector, "%s is not base64", k->key);
	else if (k->size && decoded_size(text) != k->size)
		domain_problem(b, vector, "%s has %zu bytes, not %zu", k->key, decoded_size(text),
			       k->size);

	return b->problems->len == before;
}

/* QEMU measures the kernel, too, so that the guest's firmware refuses another one. */
static void kernel_hashes(DomainBuild *b, xmlNode *domain, const TmplAttr *vector, const char *type)
{
	const char *text = tmpl_attr_text(vector, "KERNEL_HASHES");
	bool on = domain_bool(b, vector, "MEMORY_ENCRYPTION/KERNEL_HASHES", TMPL_IN_VM);

	if (!text)
		return;
	if (g_str_equal(type, "tdx"))
		domain_problem(b, vector, "KERNEL_HASHES is for TYPE = SEV, SEV-ES or SEV-SNP");
	else if (on && !xml_child(xml_child(domain, "os"), "kernel"))
		domain_problem(b, vector, "KERNEL_HASHES = yes needs OS/KERNEL");
	else
		domain_put(b, domain, "launchSecurity@kernelHashes", on ? "yes" : "no");
}

void domain_encryption_keys(DomainBuild *b, xmlNode *domain, const TmplAttr *vector)
{
	g_autofree char *type = xml_child_attribute(domain, "launchSecurity", "type");
	const char *block = tmpl_attr_text(vector, "ID_BLOCK");
	const char *auth = tmpl_attr_text(vector, "ID_AUTH");

	kernel_hashes(b, domain, vector, type);
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		const char *text = tmpl_attr_text(vector, keys[i].key);

		if (text && check_key(b, vector, &keys[i], type, text))
			domain_put(b, domain, keys[i].path, text);
	}

	if (auth && !block)
		domain_problem(b, vector, "ID_AUTH signs an ID_BLOCK, and there is none");
}

bool domain_hides(const char *name)
{
	static const char *const names[] = { "passwd", "session", "dhCert", "idBlock", "idAuth",
					     "hostData", NULL };

	return g_strv_contains(names, name);
}

void domain_hide(xmlNode *node)
{
	for (xmlNode *n = node->children; n; n = n->next)
		if (n->type == XML_ELEMENT_NODE)
			domain_hide(n);
	for (xmlAttr *a = node->properties; a; a = a->next)
		if (domain_hides((const char *)a->name))
			xmlSetProp(node, a->name, BAD_CAST "***");
	if (domain_hides((const char *)node->name) && !xmlFirstElementChild(node))
		xmlNodeSetContent(node, BAD_CAST "***");
}
