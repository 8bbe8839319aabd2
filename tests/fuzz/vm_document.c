/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/attach.h"

#include <stdint.h>

#include "template/defaults.h"
#include "xml/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char defaults[] =
	"OS = [ ARCH = x86_64, MACHINE = q35 ] VCPU = 2 Q35_NUMA_PCIE = yes\n"
	"FEATURES = [ ACPI = yes, GUEST_AGENT = yes, VIRTIO_SCSI_QUEUES = auto, IOTHREADS = 2 ]\n"
	"DISK = [ CACHE = none, TOTAL_IOPS_SEC = 100 ] NIC = [ MODEL = virtio, FILTER = f ]\n"
	"OVMF_UEFIS = \"/a /b\" HYPERV_OPTIONS = \"<relaxed state='on'/>\" RAW_OVERRIDE = yes\n";

static const char live[] =
	"<domain><iothreads>2</iothreads><vcpu current='1'>2</vcpu><devices><controller type='pci' "
	"index='10'/><interface><address type='pci' domain='0x0000' bus='0x01' slot='0x00' "
	"function='0x0'/></interface></devices></domain>";

static void check_xml(char *xml, const GError *error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(xmlDoc) made = xml ? xml_parse(xml, strlen(xml), "made", &cause) : NULL;

	g_assert_true(xml || error);
	g_assert_no_error(cause);
	g_assert_true(!xml || made);
	g_free(xml);
}

typedef char *device_xml(const TmplVm *vm, const TmplAttr *device,
			 const struct domain_attach *attach, GPtrArray *warnings, GError **error);

static void attach_all(const TmplVm *vm, const struct domain_options *options)
{
	static const struct { const char *name; device_xml *make; } kinds[] = {
		{ "DISK", domain_disk_xml }, { "NIC", domain_nic_xml }, { "PCI", domain_pci_xml },
	};
	g_autoptr(xmlDoc) doc = xml_parse(live, sizeof live - 1, "live", NULL);
	const struct domain_attach attach = { *options, xmlDocGetRootElement(doc), NULL };

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		const TmplAttr *device =
			tmpl_set_next(vm->level[TMPL_VM], kinds[i].name, NULL);
		g_autoptr(GError) error = NULL;

		if (device)
			check_xml(kinds[i].make(vm, device, &attach, NULL, &error), error);
	}
}

/*
 * The input is a VM document, which a NUL may divide from a defaults file, built
 * into a domain and into single devices: what comes out must be XML.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct domain_policy policy = {
		.kernel_paths = "/", .script_paths = "/", .host_paths = "/",
		.qemu_commandline = true, .seclabel = true, .host_devices = true, .schema = "",
	};
	const uint8_t *nul = memchr(data, '\0', size);
	size_t length = nul ? (size_t)(nul - data) : size;
	const struct domain_options options = {
		.libvirt = length % 2 ? DOMAIN_LIBVIRT(12, 4, 0) : 0,
		.policy = length % 3 ? &policy : NULL,
	};
	g_autoptr(xmlDoc) doc = xml_parse((const char *)data, length, "fuzz", NULL);
	g_autoptr(TmplVm) vm = doc ? tmpl_vm_new(xmlDocGetRootElement(doc), NULL) : NULL;
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;

	if (!vm)
		return 0;
	tmpl_vm_set_level(
		vm, TMPL_CONF,
		nul ? tmpl_defaults_parse((const char *)nul + 1, size - length - 1, "conf", NULL)
		    : tmpl_defaults_parse(defaults, sizeof defaults - 1, "conf", NULL));
	tmpl_vm_check(vm, warnings);
	check_xml(domain_xml(vm, &options, warnings, &error), error);
	attach_all(vm, &options);
	return 0;
}
