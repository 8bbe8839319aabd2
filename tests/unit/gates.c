/* SPDX-License-Identifier: Apache-2.0 */
/* gates - what needs a newer libvirt: by its version, or by the schemas of a host. */
#include "domain/domain.h"

#include "xml/xml.h"

#define VM(rest) "<VM><ID>7</ID><NAME>n</NAME><TEMPLATE><MEMORY>512</MEMORY>" rest \
	"</TEMPLATE></VM>"
#define Q35 "<OS><ARCH>x86_64</ARCH><MACHINE>q35</MACHINE></OS>"
#define ARM "<OS><ARCH>aarch64</ARCH><MACHINE>virt</MACHINE><FIRMWARE>UEFI</FIRMWARE></OS>" \
	"<FEATURES><ACPI>yes</ACPI></FEATURES>"
#define IOMMU(model, options) "<IOMMU><MODEL>" model "</MODEL><MODE>single</MODE><OPTIONS>" \
	options "</OPTIONS></IOMMU>"
#define HYPERV(options) "<FEATURES><HYPERV>yes</HYPERV></FEATURES><HYPERV_OPTIONS><![CDATA[" \
	options "]]></HYPERV_OPTIONS>"
#define ATTRIBUTE(name) "<attribute name=\"" name "\"><ref name=\"x\"/></attribute>"
#define ELEMENT(name) "<element name=\"" name "\"/>"

static const struct {
	const char *vm, *schemas;
	unsigned long libvirt;
	const char *expected;	/* a part of the domain, or of the error */
} rows[] = {
	/* By version alone: that of a front-end. */
	{ VM(ARM IOMMU("smmuv3", "pasid=20")), NULL, DOMAIN_LIBVIRT(12, 1, 0), "ssidsize=\"20\"" },
	{ VM(ARM IOMMU("smmuv3", "ssidsize=20")), NULL, DOMAIN_LIBVIRT(12, 0, 0),
	  "ssidsize needs a host with libvirt 12.1.0 or later" },
	{ VM(ARM IOMMU("smmuv3", "pasid=on")), NULL, DOMAIN_LIBVIRT(99, 0, 0),
	  "ssidsize = 'on': not a number" },
	{ VM(ARM IOMMU("smmuv3", "cmdqv=on")), NULL, DOMAIN_LIBVIRT(99, 0, 0),
	  "cmdqv needs a libvirt whose schema has it" },
	{ VM(Q35 HYPERV("<emsr_bitmap state='on'/>")), NULL, DOMAIN_LIBVIRT(9, 0, 0),
	  "HYPERV_OPTIONS: <emsr_bitmap> needs a host with libvirt 10.7.0 or later" },
	{ VM(Q35 HYPERV("<xmm_input state='on'/>")), NULL, DOMAIN_LIBVIRT(10, 7, 0),
	  "<xmm_input state=\"on\"/>" },
	/* The schemas of a host come first, whatever its version. */
	{ VM(ARM IOMMU("smmuv3", "cmdqv=on")), ATTRIBUTE("cmdqv"), DOMAIN_LIBVIRT(9, 0, 0),
	  "cmdqv=\"on\"" },
	{ VM(ARM IOMMU("smmuv3", "pasid=20")), ELEMENT("other"), DOMAIN_LIBVIRT(12, 1, 0),
	  "ssidsize needs a host with libvirt 12.1.0 or later" },
	{ VM(Q35 HYPERV("<emsr_bitmap state='on'/>")), ELEMENT("emsr_bitmap"), 0,
	  "<emsr_bitmap state=\"on\"/>" },
	{ VM(Q35 "<CPU_MODEL><MODEL>host-passthrough</MODEL><PHYS_BITS>40</PHYS_BITS></CPU_MODEL>"),
	  ELEMENT("maxphysaddr"), 0, "<maxphysaddr mode=\"emulate\" bits=\"40\"/>" },
	{ VM(Q35 "<CPU_MODEL><MODEL>host-passthrough</MODEL><PHYS_BITS>40</PHYS_BITS></CPU_MODEL>"),
	  ELEMENT("cpu"), DOMAIN_LIBVIRT(9, 0, 0), "CPU_MODEL/PHYS_BITS needs a host" },
	{ VM("<OS><ARCH>x86_64</ARCH><MACHINE>q35</MACHINE><FIRMWARE>UEFI</FIRMWARE></OS><FEATURES>"
	     "<ACPI>yes</ACPI></FEATURES><MEMORY_ENCRYPTION><TYPE>TDX</TYPE></MEMORY_ENCRYPTION>"),
	  "<value>tdx</value>", DOMAIN_LIBVIRT(9, 0, 0), "<launchSecurity type=\"tdx\"" },
};

static void test_gates(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct domain_options options = { .libvirt = rows[i].libvirt,
							.schemas = rows[i].schemas };
		g_autoptr(xmlDoc) doc = xml_parse(rows[i].vm, strlen(rows[i].vm), "vm", NULL);
		g_autoptr(TmplVm) vm = tmpl_vm_of_document(doc, "vm", NULL);
		g_autoptr(GError) error = NULL;
		g_autofree char *xml = domain_xml(vm, &options, NULL, &error);
		const char *text = xml ? xml : error->message;

		g_test_message("%s", text);
		g_assert_nonnull(strstr(text, rows[i].expected));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/gates/version-or-schema", test_gates);

	return g_test_run();
}
