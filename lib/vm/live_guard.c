/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/live_guard.h"

#include "virt/virt_domain.h"

static const struct {
	const char *verb, *hint;
} guards[] = {
	[LIVE_GUARD_MIGRATE] = { "migrate", "power it off, then migrate it" },
	[LIVE_GUARD_SAVE] = { "save", "power it off instead of suspending or stopping it" },
	[LIVE_GUARD_SNAPSHOT] = { "make a snapshot with memory of",
				  "make a snapshot of its disks, or a backup" },
};

/* The type of encryption of DOMAIN; NULL: none. The caller frees. */
static char *encryption_of(const xmlNode *domain)
{
	return xml_child_attribute(domain, "launchSecurity", "type");
}

/* What is in the chip cannot be read from it. */
static bool has_host_tpm(const xmlNode *domain)
{
	const xmlNode *tpm = xml_child(xml_child(domain, "devices"), "tpm");

	return xml_has(xml_child(tpm, "backend"), "type", "passthrough");
}

bool live_guard_memory_of(virDomain *dom, const xmlNode *live, enum live_guard what, GError **error)
{
	const char *verb = guards[what].verb, *name = virDomainGetName(dom);
	g_autofree char *encryption = encryption_of(live);

	if (encryption)
		vmm_fail(error, VMM_ERROR_REFUSED, "cannot %s domain %s: its memory is encrypted "
			 "(%s) and stays on this host", verb, name, encryption);
	else if (has_host_tpm(live))
		vmm_fail(error, VMM_ERROR_REFUSED, "cannot %s domain %s: it uses the TPM of this "
			 "host, whose state stays there", verb, name);
	else
		return true;

	vmm_error_set_hint(error, "%s", guards[what].hint);

	return false;
}

bool live_guard_memory(virDomain *dom, enum live_guard what, GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, NULL);

	if (!doc)
		return true;

	return live_guard_memory_of(dom, xmlDocGetRootElement(doc), what, error);
}

bool live_guard_host_device(const xmlNode *live, GError **error)
{
	g_autofree char *encryption = encryption_of(live);
	g_autofree char *name = NULL;

	if (!encryption)
		return true;
	name = xml_child_text(live, "name");
	vmm_fail(error, VMM_ERROR_REFUSED, "cannot attach a device of the host to domain %s: its "
		 "memory is encrypted (%s), and the device could not read it", name, encryption);
	vmm_error_set_hint(error, "use a VM without MEMORY_ENCRYPTION for it, or an emulated "
			   "device");

	return false;
}
