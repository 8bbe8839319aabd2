/* SPDX-License-Identifier: Apache-2.0 */
/* fit_encryption - which hosts can run a guest with encrypted memory, by what libvirt says. */
#include "fit/encryption_fit.h"

#define DOMAIN(type, security, devices) "<domain type='" type "'><os firmware='efi'>" \
	"<type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><cpu mode='host-passthrough'/>" \
	"<devices>" devices "</devices>" security "</domain>"
#define SECURITY(type, policy) "<launchSecurity type='" type "'><policy>" policy \
	"</policy></launchSecurity>"
#define SEV DOMAIN("kvm", SECURITY("sev", "0x00000003"), "")
#define SEV_ES DOMAIN("kvm", SECURITY("sev", "0x00000007"), "")
#define SNP DOMAIN("kvm", SECURITY("sev-snp", "0x00030000"), "")
#define TDX DOMAIN("kvm", "<launchSecurity type='tdx'/>", "")
#define HOSTDEV "<hostdev mode='subsystem' type='pci'/>"

#define FEATURES(text) "<domainCapabilities><features>" text "</features></domainCapabilities>"
#define GUESTS(sev, es) "<sev supported='yes'><cbitpos>51</cbitpos><reducedPhysBits>1" \
	"</reducedPhysBits><maxGuests>" sev "</maxGuests><maxESGuests>" es "</maxESGuests></sev>"
#define SECTYPES(values) "<launchSecurity supported='yes'><enum name='sectype'>" values \
	"</enum></launchSecurity>"
/* As libvirt 10 says it with QEMU 10.0 on AMD, and 11.6 with QEMU 10.1 on Intel. */
#define AMD FEATURES(GUESTS("59", "450") SECTYPES("<value>sev</value><value>sev-snp</value>"))
#define INTEL FEATURES("<sev supported='no'/>" SECTYPES("<value>tdx</value>"))
/* As libvirt 9.0 says it of a host that has nothing. */
#define NONE FEATURES("<sev supported='no'/>")

static const struct {
	const char *domain, *domcapabilities;
	enum fit_switch encryption;
	const char *error;	/* NULL: none */
} fits[] = {
	{ SEV, AMD, FIT_SWITCH_ON, NULL },
	{ SEV_ES, AMD, FIT_SWITCH_ON, NULL },
	{ SNP, AMD, FIT_SWITCH_ON, NULL },
	{ TDX, INTEL, FIT_SWITCH_ON, NULL },
	{ SEV, NULL, FIT_SWITCH_UNKNOWN, NULL },
	{ SEV, NONE, FIT_SWITCH_ABSENT,
	  "MEMORY_ENCRYPTION: the kernel of this host has no SEV: parameter kvm_amd/sev of KVM's "
	  "modules is not there [incompatible] (hint: switch it on in the firmware's setup and "
	  "for the module: run host_check --only sev,sev-es,sev-snp,tdx)" },
	{ SEV_ES, NONE, FIT_SWITCH_OFF,
	  "MEMORY_ENCRYPTION: the kernel of this host has no SEV-ES: parameter kvm_amd/sev_es of "
	  "KVM's modules is off [incompatible] (hint: switch it on in the firmware's setup and "
	  "for the module: run host_check --only sev,sev-es,sev-snp,tdx)" },
	{ SEV, INTEL, FIT_SWITCH_ON,
	  "MEMORY_ENCRYPTION: QEMU of this host has no SEV [incompatible] (hint: run host_check "
	  "--only sev,sev-es,sev-snp,tdx)" },
	{ SEV, INTEL, FIT_SWITCH_UNKNOWN,
	  "MEMORY_ENCRYPTION: QEMU of this host has no SEV [incompatible] (hint: run host_check "
	  "--only sev,sev-es,sev-snp,tdx)" },
	{ TDX, AMD, FIT_SWITCH_ON,
	  "MEMORY_ENCRYPTION: QEMU of this host has no TDX [incompatible] (hint: run host_check "
	  "--only sev,sev-es,sev-snp,tdx)" },
	{ SNP, NONE, FIT_SWITCH_ON,
	  "MEMORY_ENCRYPTION: libvirt of this host does not know SEV-SNP [incompatible] (hint: it "
	  "needs libvirt 10.5 or later)" },
	{ SEV, FEATURES(""), FIT_SWITCH_ON,
	  "MEMORY_ENCRYPTION: libvirt of this host does not know SEV [incompatible] (hint: it "
	  "needs libvirt 4.5 or later)" },
	{ SEV_ES, FEATURES(GUESTS("509", "0")), FIT_SWITCH_ON,
	  "MEMORY_ENCRYPTION: this host has no keys for guests with SEV-ES (maxESGuests is 0) "
	  "[incompatible] (hint: run host_check --only sev,sev-es,sev-snp; in the firmware's "
	  "setup the minimum SEV ASID divides the keys)" },
	{ DOMAIN("qemu", SECURITY("sev", "3"), ""), AMD, FIT_SWITCH_ON,
	  "MEMORY_ENCRYPTION: QEMU's own emulation has none [incompatible] (hint: use a "
	  "host with KVM: host_check --only kvm-device)" },
	{ DOMAIN("kvm", SECURITY("sev", "3"), HOSTDEV), AMD, FIT_SWITCH_ON,
	  "MEMORY_ENCRYPTION: a VM with encrypted memory can have no PCI device of the host: "
	  "remove PCI [input]" },
};

static char *fit(const char *text, const char *domcapabilities, enum fit_switch encryption)
{
	g_autoptr(xmlDoc) doc = xml_parse(text, strlen(text), "domain", NULL), caps = NULL;
	struct fit_input in = { .encryption = encryption };
	g_auto(FitResult) result = { 0 };
	g_autoptr(GError) error = NULL;

	if (domcapabilities)
		caps = xml_parse(domcapabilities, strlen(domcapabilities), "capabilities", NULL);
	in.domcapabilities = xmlDocGetRootElement(caps);
	fit_result_init(&result);
	g_assert_cmpint(fit_needs(xmlDocGetRootElement(doc), &in), ==, FIT_NEEDS_HOST);
	if (fit_domain(xmlDocGetRootElement(doc), &in, &result, &error)) {
		g_assert_cmpuint(result.changes->len, ==, 0);
		g_assert_false(result.compare);
		return NULL;
	}

	return vmm_error_line(error);
}

static void the_part_that_is_missing_is_named(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(fits); i++) {
		g_autofree char *found = fit(fits[i].domain, fits[i].domcapabilities,
					     fits[i].encryption);

		g_assert_cmpstr(found, ==, fits[i].error);
	}
}

static void each_type_has_its_parameter(void)
{
	static const struct {
		const char *domain, *parameter;
	} rows[] = {
		{ SEV, "kvm_amd/sev" }, { SEV_ES, "kvm_amd/sev_es" }, { SNP, "kvm_amd/sev_snp" },
		{ TDX, "kvm_intel/tdx" }, { DOMAIN("kvm", "", ""), NULL },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(xmlDoc) doc = xml_parse(rows[i].domain, strlen(rows[i].domain), "domain",
						  NULL);
		const xmlNode *domain = xmlDocGetRootElement(doc);

		g_assert_cmpstr(fit_encryption_parameter(domain), ==, rows[i].parameter);
	}
}

static void a_vm_without_encryption_asks_nothing_of_its_host(void)
{
	g_assert_cmpint(fit_encryption_needs(NULL), ==, FIT_NEEDS_NOTHING);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fit-encryption/the-part-that-is-missing-is-named",
			the_part_that_is_missing_is_named);
	g_test_add_func("/fit-encryption/each-type-has-its-parameter", each_type_has_its_parameter);
	g_test_add_func("/fit-encryption/a-vm-without-encryption-asks-nothing-of-its-host",
			a_vm_without_encryption_asks_nothing_of_its_host);
	return g_test_run();
}
