#include "domain/domain.h"

#include <stdint.h>

#include "tmpl/conf.h"
#include "tmpl/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char conf[] =
	"OS = [ ARCH = x86_64, MACHINE = q35 ] VCPU = 2 Q35_NUMA_PCIE = yes\n"
	"FEATURES = [ ACPI = yes, GUEST_AGENT = yes, VIRTIO_SCSI_QUEUES = auto, IOTHREADS = 2 ]\n"
	"DISK = [ CACHE = none, TOTAL_IOPS_SEC = 100 ] NIC = [ MODEL = virtio, FILTER = f ]\n"
	"OVMF_UEFIS = \"/a /b\" HYPERV_OPTIONS = \"<relaxed state='on'/>\" RAW_OVERRIDE = yes\n";

/*
 * The input is a VM document, built into a domain with fixed defaults: what
 * comes out must be XML.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct domain_options options = { .libvirt = DOMAIN_LIBVIRT(10, 4, 0) };
	g_autoptr(xmlDoc) doc = tmpl_xml_parse((const char *)data, size, "fuzz", NULL);
	g_autoptr(TmplVm) vm = doc ? tmpl_vm_new(xmlDocGetRootElement(doc), NULL) : NULL;
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(xmlDoc) made = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = NULL;

	if (!vm)
		return 0;
	tmpl_vm_set_level(vm, TMPL_CONF, tmpl_conf_parse(conf, sizeof conf - 1, "conf", NULL));
	xml = domain_xml(vm, &options, warnings, &error);
	g_assert_true(xml || error);
	made = xml ? tmpl_xml_parse(xml, strlen(xml), "made", &error) : NULL;
	g_assert_no_error(xml ? error : NULL);
	return 0;
}
