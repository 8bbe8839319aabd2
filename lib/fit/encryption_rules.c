/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/encryption_rules.h"

#include <string.h>

enum { POLICY_ES = 4 };	/* of SEV: the guest's registers are encrypted, too */

/* SEV and SEV-ES are one to libvirt: a bit of the policy tells them apart. */
static bool has_encrypted_state(const xmlNode *security)
{
	g_autofree char *policy = xml_child_text(security, "policy");

	if (!policy)
		return false;

	return g_ascii_strtoull(policy, NULL, 0) & POLICY_ES;
}

const char *fit_encryption_type(const xmlNode *domain)
{
	const xmlNode *security = xml_child(domain, "launchSecurity");

	if (xml_has(security, "type", "sev-snp"))
		return "SEV-SNP";
	if (xml_has(security, "type", "tdx"))
		return "TDX";
	if (!xml_has(security, "type", "sev"))
		return NULL;
	if (has_encrypted_state(security))
		return "SEV-ES";

	return "SEV";
}

static void add(GPtrArray *problems, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add(GPtrArray *problems, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_ptr_array_add(problems, g_strdup_vprintf(format, ap));
	va_end(ap);
}

/* A domain without an architecture gets the host's from libvirt. */
static void check_machine(const xmlNode *domain, const char *type, GPtrArray *problems)
{
	const xmlNode *os = xml_child(xml_child(domain, "os"), "type");
	g_autofree char *arch = xml_attribute(os, "arch");
	g_autofree char *machine = xml_attribute(os, "machine");

	if (arch && strcmp(arch, "x86_64") != 0)
		add(problems, "TYPE = '%s' needs OS/ARCH = x86_64, not '%s'", type, arch);
	else if (!machine)
		add(problems, "TYPE = '%s' needs OS/MACHINE = q35", type);
	else if (!strstr(machine, "q35"))
		add(problems, "TYPE = '%s' needs OS/MACHINE = q35, not '%s'", type, machine);
}

/* These take only firmware without a memory of its own, which libvirt chooses. */
static bool is_stateless(const char *type)
{
	return g_str_equal(type, "SEV-SNP") || g_str_equal(type, "TDX");
}

static void check_firmware(const xmlNode *domain, const char *type, GPtrArray *problems)
{
	const xmlNode *os = xml_child(domain, "os");
	g_autofree char *path = xml_child_text(os, "loader");
	bool automatic = xml_has(os, "firmware", "efi");

	if (automatic)
		return;
	if (!path)
		add(problems, "TYPE = '%s' needs OS/FIRMWARE = UEFI, not BIOS", type);
	else if (is_stateless(type))
		add(problems, "TYPE = '%s' needs OS/FIRMWARE = UEFI, not '%s'", type, path);
}

static bool has_ide(const xmlNode *devices)
{
	for (xmlNode *n = xml_child(devices, "disk"); n; n = xml_next(n))
		if (xml_has(xml_child(n, "target"), "bus", "ide"))
			return true;

	return false;
}

/* An encrypted guest has no driver that can share memory with such a controller. */
static bool is_slow_bus(const xmlNode *target)
{
	return xml_has(target, "bus", "fdc") || xml_has(target, "bus", "usb");
}

static bool has_boot_order(const xmlNode *devices)
{
	for (const xmlNode *n = devices->children; n; n = n->next)
		if (xml_child(n, "boot"))
			return true;

	return false;
}

/* The guest may boot from a disk with a place in the order; without an order, from the first. */
static const xmlNode *slow_boot_disk(const xmlNode *devices)
{
	const xmlNode *first = xml_child(devices, "disk");
	bool ordered = has_boot_order(devices);

	for (xmlNode *n = xml_child(devices, "disk"); n; n = xml_next(n)) {
		bool boots = n == first;

		if (ordered)
			boots = xml_child(n, "boot");
		if (boots && is_slow_bus(xml_child(n, "target")))
			return n;
	}

	return NULL;
}

static void check_devices(const xmlNode *devices, GPtrArray *problems)
{
	const xmlNode *boot = slow_boot_disk(devices);
	g_autofree char *name = xml_child_attribute(boot, "target", "dev");
	g_autofree char *bus = xml_child_attribute(boot, "target", "bus");

	if (xml_child(devices, "hostdev"))
		add(problems, "a VM with encrypted memory can have no PCI device of the host: "
		    "remove PCI");
	if (has_ide(devices))
		add(problems, "a VM with encrypted memory can have no IDE disk: let its TARGET be "
		    "vda or sda");
	if (boot)
		add(problems, "a VM with encrypted memory cannot boot from %s on bus %s: let its "
		    "TARGET be vda or sda", name, bus);
}

void fit_encryption_check(const xmlNode *domain, const char *type, GPtrArray *problems)
{
	const xmlNode *devices = xml_child(domain, "devices");

	check_machine(domain, type, problems);
	check_firmware(domain, type, problems);
	if (devices)
		check_devices(devices, problems);
}
