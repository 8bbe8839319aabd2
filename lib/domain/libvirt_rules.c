/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "base/number.h"
#include "base/text.h"
#include "xml/xml.h"

/*
 * What is right by libvirt's schema, and refused when the domain is defined. Each is looked for in
 * the whole document, as RAW can make it too, and named by the attribute that makes it.
 * Source: docs/facts/libvirt.md L; measured with libvirt 9.0.
 */

#define LIBVIRT_CHOSEN_FIRMWARE DOMAIN_LIBVIRT(9, 2, 0)

static bool is_x86(const DomainBuild *b)
{
	return g_str_equal(b->arch, "x86_64") || g_str_equal(b->arch, "i686");
}

static bool is_arm(const DomainBuild *b)
{
	return g_str_equal(b->arch, "aarch64") || g_str_equal(b->arch, "armv7l");
}

/* Dropped without an error: GIC may be a default of a site that also has ARM hosts. */
static void drop_gic(DomainBuild *b, const xmlNode *domain)
{
	xmlNode *gic = xml_child(xml_child(domain, "features"), "gic");

	if (!gic || !*b->arch || is_arm(b)) /* unknown: the host's own */
		return;
	domain_warn(b, "FEATURES/GIC is left out: only ARM has that interrupt controller");
	xmlUnlinkNode(gic);
	xmlFreeNode(gic);
}

/* Since 9.2 libvirt accepts a firmware file beside <os firmware>: it prints both itself. */
static void check_chosen_firmware(DomainBuild *b, const xmlNode *os)
{
	const xmlNode *loader = xml_child(os, "loader");
	bool chosen = xmlHasProp((xmlNode *)os, BAD_CAST "firmware");

	if (!chosen || b->options->libvirt >= LIBVIRT_CHOSEN_FIRMWARE)
		return;
	if (loader && (xmlHasProp((xmlNode *)loader, BAD_CAST "readonly") ||
		       xmlHasProp((xmlNode *)loader, BAD_CAST "type")))
		domain_problem(b, NULL, "OS/FIRMWARE names a file, and RAW's <os firmware> lets "
			       "libvirt choose one: set OS/FIRMWARE = UEFI, or leave it out of "
			       "RAW");
}

static void check_firmware(DomainBuild *b, const xmlNode *domain)
{
	const xmlNode *os = xml_child(domain, "os"), *loader = xml_child(os, "loader");
	bool uefi = xml_has(loader, "type", "pflash") || xml_has(os, "firmware", "efi");
	bool acpi = xml_child(xml_child(domain, "features"), "acpi");

	check_chosen_firmware(b, os);
	if (xml_has(loader, "secure", "yes") && *b->arch && !g_str_equal(b->arch, "x86_64"))
		domain_problem(b, NULL,
			       "OS/FIRMWARE_SECURE: libvirt has Secure Boot for x86_64 "
			       "only, and OS/ARCH is '%s'",
			       b->arch);
	if (uefi && !acpi && (is_x86(b) || is_arm(b)))
		domain_problem(b, NULL, "OS/FIRMWARE: UEFI needs FEATURES/ACPI = YES");
}

/* Interrupts can be remapped only when QEMU, not KVM, emulates the I/O APIC. */
static void split_ioapic(DomainBuild *b, xmlNode *domain)
{
	const xmlNode *iommu = xml_child(xml_child(domain, "devices"), "iommu");
	xmlNode *features = xml_child(domain, "features");

	if (!xml_has(xml_child(iommu, "driver"), "intremap", "on"))
		return;
	if (xml_child(features, "ioapic"))
		return;
	if (!features)
		features = domain_element(domain, "features");
	domain_set(b, domain_element(features, "ioapic"), "driver", "qemu");
}

static void check_iommu(DomainBuild *b, const xmlNode *domain)
{
	const xmlNode *iommu = xml_child(xml_child(domain, "devices"), "iommu");
	const xmlNode *driver = xml_child(iommu, "driver");

	if (xml_has(driver, "eim", "on") && !xml_has(driver, "intremap", "on"))
		domain_problem(b, NULL, "IOMMU/OPTIONS: eim=on needs intremap=on");
	if (xml_has(iommu, "model", "virtio") && driver && driver->properties)
		domain_problem(b, NULL, "IOMMU/OPTIONS: MODEL = 'virtio' has none");
	if (xml_has(iommu, "model", "intel") && b->machine != DOMAIN_MACHINE_Q35)
		domain_problem(b, NULL, "IOMMU: MODEL = 'intel' needs OS/MACHINE = q35");
}

/* The 256th vCPU has a number that an interrupt controller of old cannot name. */
static void check_many_vcpus(DomainBuild *b, const xmlNode *domain)
{
	const xmlNode *iommu = xml_child(xml_child(domain, "devices"), "iommu");
	g_autofree char *text = xml_child_text(domain, "vcpu");
	guint64 n;

	if (!text || !number_unsigned(text, 1, G_MAXUINT16, &n, NULL) || n <= 255)
		return;
	if (b->machine != DOMAIN_MACHINE_Q35)
		domain_problem(b, NULL, "VCPU, VCPU_MAX: more than 255 need OS/MACHINE = q35");
	else if (!xml_has(xml_child(iommu, "driver"), "eim", "on"))
		domain_problem(b, NULL, "VCPU, VCPU_MAX: more than 255 need an IOMMU with OPTIONS "
			       "= \"intremap=on eim=on\"");
}

/* How many vCPUs CPUS names, as "0-3,6" does. 0: it is not such a list. */
static guint64 count_cpus(const char *cpus)
{
	g_auto(GStrv) ranges = g_strsplit(cpus, ",", -1);
	guint64 n = 0;

	for (char **r = ranges; *r; r++) {
		char *dash = strchr(*r, '-');
		guint64 from, to;

		if (dash)
			*dash = '\0';
		if (!number_unsigned(*r, 0, G_MAXUINT16, &from, NULL))
			return 0;
		if (!number_unsigned(dash ? dash + 1 : *r, from, G_MAXUINT16, &to, NULL))
			return 0;
		n += to - from + 1;
	}

	return n;
}

static void check_numa(DomainBuild *b, const xmlNode *domain)
{
	const xmlNode *numa = xml_child(xml_child(domain, "cpu"), "numa");
	g_autofree char *text = xml_child_text(domain, "vcpu");
	guint64 vcpus = 1, n = 0;

	if (text && !number_unsigned(text, 1, G_MAXUINT16, &vcpus, NULL))
		return;
	for (const xmlNode *cell = xml_child(numa, "cell"); cell; cell = xml_next(cell)) {
		g_autofree char *cpus = xml_attribute(cell, "cpus");

		n += cpus ? count_cpus(cpus) : 0;
	}

	if (n > vcpus)
		domain_problem(b, NULL,
			       "NUMA_NODE/TOTAL_CPUS: the nodes have %" G_GUINT64_FORMAT
			       " vCPUs together, and the VM has %" G_GUINT64_FORMAT,
			       n, vcpus);
}

/* The number in the name of a disk, 0 for hda, 26 for hdaa; -1: it has none. */
static int number_of(const char *target)
{
	static const char *const prefixes[] = { "hd", "sd", "vd", "xvd", "fd" };
	int n = -1;

	for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
		const char *c = target + strlen(prefixes[i]);

		if (!g_str_has_prefix(target, prefixes[i]))
			continue;
		for (n = -1; g_ascii_islower(*c); c++)
			n = (n + 1) * ('z' - 'a' + 1) + *c - 'a';
		break;
	}

	return n;
}

/* Where libvirt puts a disk that has no address. */
static char *place_by_name(const char *bus, const char *target)
{
	int n = number_of(target);

	if (n < 0)
		return NULL;
	if (g_str_equal(bus, "sata"))
		return g_strdup_printf("sata %d:0:0:%d", n / 6, n % 6);
	if (g_str_equal(bus, "ide"))
		return g_strdup_printf("ide %d:%d:0:%d", n / 4, n % 4 / 2, n % 2);

	return NULL;
}

/* Where DISK is on its bus, "sata 0:0:0:1"; NULL: it has no such place. */
static char *disk_place(const xmlNode *disk)
{
	static const char *const parts[] = { "controller", "bus", "target", "unit" };
	const xmlNode *address = xml_child(disk, "address");
	g_autofree char *bus = xml_child_attribute(disk, "target", "bus");
	g_autofree char *target = xml_child_attribute(disk, "target", "dev");
	GString *place;

	if (!bus || !target)
		return NULL;
	if (!address)
		return place_by_name(bus, target);
	if (!xml_has(address, "type", "drive"))
		return NULL;

	place = g_string_new(bus);
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *part = xml_attribute(address, parts[i]);

		g_string_append_printf(place, "%c%s", i ? ':' : ' ', text_or(part, "0"));
	}

	return g_string_free(place, FALSE);
}

static void check_disk_places(DomainBuild *b, const xmlNode *domain)
{
	g_autoptr(GHashTable) places =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	const xmlNode *disk = xml_child(xml_child(domain, "devices"), "disk");

	for (; disk; disk = xml_next(disk)) {
		g_autofree char *target = xml_child_attribute(disk, "target", "dev");
		g_autofree char *place = disk_place(disk);
		const char *other = place ? g_hash_table_lookup(places, place) : NULL;

		if (other)
			domain_problem(b, NULL,
				       "DISK/TARGET: '%s' and '%s' are the same place on "
				       "their bus (%s)",
				       other, text_or(target, "?"), place);
		else if (place && target)
			g_hash_table_insert(places, g_steal_pointer(&place),
					    g_steal_pointer(&target));
	}
}

static void check_disk_targets(DomainBuild *b, const xmlNode *domain)
{
	g_autoptr(GHashTable) targets =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const xmlNode *disk = xml_child(xml_child(domain, "devices"), "disk");

	for (; disk; disk = xml_next(disk)) {
		char *target = xml_child_attribute(disk, "target", "dev");

		if (target && !g_hash_table_add(targets, target))
			domain_problem(b, NULL, "DISK/TARGET: two disks have the same one");
	}
}

/* Of two cards only the first can be one of a PC. */
/* A site's SPICE_OPTIONS often has a card for all VMs: one that wants none gets none. */
static void keep_no_video(DomainBuild *b, const xmlNode *domain)
{
	xmlNode *next, *first = xml_child(xml_child(domain, "devices"), "video");
	bool is_none = false;

	for (const xmlNode *v = first; v; v = xml_next(v))
		is_none |= xml_has(xml_child(v, "model"), "type", "none");

	for (xmlNode *v = is_none ? first : NULL; v; v = next) {
		g_autofree char *type = xml_child_attribute(v, "model", "type");

		next = xml_next(v);
		if (!g_strcmp0(type, "none"))
			continue;

		domain_warn(b, "VIDEO: TYPE = 'none' leaves out the card '%s' of SPICE_OPTIONS or "
			    "RAW", domain_or(type, ""));
		xmlUnlinkNode(v);
		xmlFreeNode(v);
	}
}

/* oned writes ORDER; a template that has it, too, may give it twice. */
static void check_boot_orders(DomainBuild *b, const xmlNode *domain)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const xmlNode *devices = xml_child(domain, "devices");

	for (const xmlNode *n = devices ? devices->children : NULL; n; n = n->next) {
		char *order = xml_child_attribute(n, "boot", "order");

		if (order && g_hash_table_contains(seen, order))
			domain_problem(b, NULL, "OS/BOOT or ORDER: two devices are number %s of "
				       "those to boot from", order);
		if (order)
			g_hash_table_add(seen, order);
	}
}

static void check_videos(DomainBuild *b, const xmlNode *domain)
{
	static const char *const first_only[] = { "vga", "cirrus", "vmvga", NULL };
	const xmlNode *video = xml_child(xml_child(domain, "devices"), "video");

	while (video && (video = xml_next(video))) {
		g_autofree char *type = xml_child_attribute(video, "model", "type");

		if (type && g_strv_contains(first_only, type))
			domain_problem(b, NULL, "VIDEO: of two cards only the first can be '%s'",
				       type);
	}
}

static void check_inputs(DomainBuild *b, const xmlNode *domain)
{
	const xmlNode *input = xml_child(xml_child(domain, "devices"), "input");

	for (; input; input = xml_next(input))
		if (xml_has(input, "type", "tablet") && xml_has(input, "bus", "ps2"))
			domain_problem(b, NULL,
				       "INPUT: TYPE = 'tablet' needs BUS usb or virtio, not "
				       "ps2");
}

/* A number of a PCI address, "0x0a" or "10"; false: TEXT is none. */
static bool pci_number(const char *text, guint64 *ret)
{
	if (g_str_has_prefix(text, "0x"))
		return g_ascii_string_to_unsigned(text + 2, 16, 0, G_MAXUINT16, ret, NULL);

	return number_unsigned(text, 0, G_MAXUINT16, ret, NULL);
}

/* The model of the controller whose bus has that NUMBER; the caller frees. */
static char *model_of_bus(const DomainBuild *b, const xmlNode *domain, guint64 number)
{
	const xmlNode *controller = xml_child(xml_child(domain, "devices"), "controller");
	guint64 index;

	for (; controller; controller = xml_next(controller)) {
		g_autofree char *text = xml_attribute(controller, "index");

		if (!text || !xml_has(controller, "type", "pci"))
			continue;
		if (pci_number(text, &index) && index == number)
			return xml_attribute(controller, "model");
	}

	return g_strdup(b->pcie ? "pcie-root-port" : "pci-bridge");
}

static void check_slot(DomainBuild *b, const char *model, guint64 bus, guint64 slot)
{
	static const char *const ports[] = { "pcie-root-port", "pcie-switch-downstream-port",
					     NULL };
	static const char *const bridges[] = { "pci-bridge", "pcie-to-pci-bridge",
					       "dmi-to-pci-bridge", NULL };
	const char *why = NULL;

	if (slot && g_strv_contains(ports, model))
		why = "has slot 0 only";
	if (!slot && g_strv_contains(bridges, model))
		why = "has slots from 1 on";
	if (why)
		domain_problem(b, NULL,
			       "PCI/VM_ADDRESS: bus %" G_GUINT64_FORMAT ", slot %" G_GUINT64_FORMAT
			       ": that bus (%s) %s",
			       bus, slot, model, why);
}

static void check_pci_slots(DomainBuild *b, const xmlNode *domain)
{
	const xmlNode *device = xml_child(xml_child(domain, "devices"), "hostdev");

	for (; device; device = xml_next(device)) {
		g_autofree char *bus = xml_child_attribute(device, "address", "bus");
		g_autofree char *slot = xml_child_attribute(device, "address", "slot");
		g_autofree char *model = NULL;
		guint64 on, at;

		if (!bus || !slot)
			continue;
		if (!pci_number(bus, &on) || !on || !pci_number(slot, &at))
			continue;
		model = model_of_bus(b, domain, on);
		check_slot(b, domain_or(model, ""), on, at);
	}
}

static bool has_cell(const xmlNode *domain, const char *id)
{
	const xmlNode *numa = xml_child(xml_child(domain, "cpu"), "numa");

	for (const xmlNode *cell = xml_child(numa, "cell"); cell; cell = xml_next(cell))
		if (xml_has(cell, "id", id))
			return true;

	return false;
}

/* A bus near the device's node of the host needs a node of the guest. */
static void check_expanders(DomainBuild *b, const xmlNode *domain)
{
	const xmlNode *controller = xml_child(xml_child(domain, "devices"), "controller");

	for (; controller; controller = xml_next(controller)) {
		g_autofree char *node = xml_child_text(xml_child(controller, "target"), "node");

		if (node && !has_cell(domain, node))
			domain_problem(b, NULL,
				       "PCI/NUMA_NODE: a device is near node %s, and the "
				       "VM has no such NUMA_NODE",
				       node);
	}
}

/* Whether DEVICE is on USB, whatever kind it is of. */
static bool is_usb(const xmlNode *device)
{
	bool by_bus = xml_has(device, "bus", "usb") ||
		      xml_has(xml_child(device, "target"), "bus", "usb");
	bool by_kind = xmlStrEqual(device->name, BAD_CAST "hub") ||
		       xml_has(device, "model", "usb");

	if (by_bus || by_kind)
		return true;

	return xmlStrEqual(device->name, BAD_CAST "hostdev") && xml_has(device, "type", "usb");
}

/* The first USB controller of DEVICES, or NULL. */
static const xmlNode *usb_controller(const xmlNode *devices)
{
	const xmlNode *controller = xml_child(devices, "controller");

	while (controller && !xml_has(controller, "type", "usb"))
		controller = xml_next(controller);

	return controller;
}

/* The first device on USB; NULL: there is none. */
static const xmlNode *usb_device(const xmlNode *devices)
{
	const xmlNode *n = devices ? devices->children : NULL;

	while (n && !(n->type == XML_ELEMENT_NODE && is_usb(n)))
		n = n->next;

	return n;
}

/*
 * RAW may take the controller away that INPUT, or RAW itself, needs. libvirt gives one to most
 * machines, and none to that of ARM.
 */
static void check_usb(DomainBuild *b, xmlNode *domain)
{
	xmlNode *devices = xml_child(domain, "devices");
	const xmlNode *controller = usb_controller(devices), *device = usb_device(devices);
	xmlNode *made;

	if (!device)
		return;
	if (controller && xml_has(controller, "model", "none"))
		domain_problem(b, NULL, "RAW: USB is switched off (a controller of model 'none'), "
			       "and there is a USB device (%s)", (const char *)device->name);
	if (controller || b->machine != DOMAIN_MACHINE_VIRT)
		return;
	made = xmlNewChild(devices, NULL, BAD_CAST "controller", NULL);
	domain_set(b, made, "type", "usb");
	domain_set(b, made, "model", "qemu-xhci");
}

/* Those of the VM's own NICs have it. */
static void check_vhost_user(DomainBuild *b, const xmlNode *domain)
{
	const xmlNode *nic = xml_child(xml_child(domain, "devices"), "interface");

	for (; nic; nic = xml_next(nic)) {
		g_autofree char *model = xml_child_attribute(nic, "model", "type");

		if (!xml_has(nic, "type", "vhostuser"))
			continue;
		if (!model || !g_str_has_prefix(model, "virtio"))
			domain_problem(b, NULL, "RAW: a NIC of vhost-user needs virtio, not '%s'",
				       domain_or(model, ""));
	}
}

/* A machine of s390x has no PCI for what SPICE_OPTIONS and VIDEO give to a PC. */
static void check_s390x(DomainBuild *b, const xmlNode *domain)
{
	const xmlNode *devices = xml_child(domain, "devices"), *usb = usb_device(devices);

	for (const xmlNode *v = xml_child(devices, "video"); v; v = xml_next(v)) {
		g_autofree char *type = xml_child_attribute(v, "model", "type");

		if (g_strcmp0(type, "virtio") != 0 && g_strcmp0(type, "none") != 0)
			domain_problem(b, NULL, "VIDEO or SPICE_OPTIONS: s390x has video cards of "
				       "type virtio only, not '%s'", domain_or(type, ""));
	}

	for (const xmlNode *n = xml_child(devices, "interface"); n; n = xml_next(n)) {
		g_autofree char *model = xml_child_attribute(n, "model", "type");

		if (model && !g_str_has_prefix(model, "virtio"))
			domain_problem(b, NULL, "NIC or RAW: s390x has NICs of model virtio only, "
				       "not '%s'", model);
	}

	if (xml_child(devices, "sound"))
		domain_problem(b, NULL, "SPICE_OPTIONS or RAW: s390x has no sound cards");
	if (usb)
		domain_problem(b, NULL, "INPUT, SPICE_OPTIONS or RAW: s390x has no USB (%s)",
			       (const char *)usb->name);
}

void domain_libvirt_rules(DomainBuild *b, xmlNode *domain)
{
	/* Earlier problems may cause the ones that these rules would find. */
	if (b->problems->len)
		return;
	drop_gic(b, domain);
	check_firmware(b, domain);
	split_ioapic(b, domain);
	check_iommu(b, domain);
	if (is_x86(b))
		check_many_vcpus(b, domain);
	check_numa(b, domain);
	check_disk_targets(b, domain);
	check_disk_places(b, domain);
	check_boot_orders(b, domain);
	keep_no_video(b, domain);
	check_videos(b, domain);
	check_inputs(b, domain);
	check_pci_slots(b, domain);
	if (is_x86(b) || b->machine == DOMAIN_MACHINE_VIRT)
		domain_pci_rules(b, domain);
	check_expanders(b, domain);
	check_usb(b, domain);
	check_vhost_user(b, domain);
	domain_encryption_rules(b, domain);
	if (g_str_equal(b->arch, "s390x"))
		check_s390x(b, domain);
}
