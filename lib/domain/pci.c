/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/attach.h"
#include "base/text.h"
#include "domain/builders.h"
#include "xml/xml.h"

/* docs/facts/deployment.md 2.22 (host devices), 2.23 (PCI controllers) */

#define DEFAULT_ROOT_PORTS 16
#define ROOT_PORTS_MAX 200
#define NODE_PORTS 8
#define NODES_MAX 8		/* the ninth node's bus number is that of a dedicated port */
#define FIRST_NODE_INDEX 3
#define FIRST_NODE_BUS 0x20
#define NODE_BUS_STEP 0x10
#define FIRST_DEDICATED_BUS 0xa0
#define DEDICATED_BUS_STEP 8
#define LAST_BUS 0xfe
#define LIBVIRT_IOMMUFD DOMAIN_LIBVIRT(12, 1, 0)
#define LIBVIRT_ACPI_NODES DOMAIN_LIBVIRT(11, 8, 0)

/* oned writes PCI addresses without 0x, in up to four digits, as lspci does. */
static bool is_hex(const char *text)
{
	size_t n = strspn(text, "0123456789abcdefABCDEF");

	if (n < 1 || n > 4)
		return false;

	return !text[n];
}

/* Whether TEXT, such a number, can be the PART called "bus" or "slot" of an address. */
static bool is_part(const char *text, const char *part)
{
	static const struct { const char *part; guint64 max; } limits[] = {
		{ "bus", 0xff }, { "slot", 0x1f }, { "function", 7 },
	};

	if (!is_hex(text))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(limits); i++)
		if (g_str_equal(limits[i].part, part))
			return g_ascii_strtoull(text, NULL, 16) <= limits[i].max;

	return true;
}

bool domain_pci_complete(const TmplAttr *pci)
{
	static const char *const keys[] = { "DOMAIN", "BUS", "SLOT", "FUNCTION" };

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (!tmpl_attr_text(pci, keys[i]))
			return false;

	return true;
}

static void host_address(DomainBuild *b, xmlNode *source, const TmplAttr *pci)
{
	static const struct {
		const char *key, *name;
	} parts[] = {
		{ "DOMAIN", "domain" },
		{ "BUS", "bus" },
		{ "SLOT", "slot" },
		{ "FUNCTION", "function" },
	};
	xmlNode *address = domain_element(source, "address");

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		const char *text = tmpl_attr_text(pci, parts[i].key);
		g_autofree char *value = g_strconcat("0x", text, NULL);

		if (!is_part(text, parts[i].name))
			domain_problem(b, pci, "%s = '%s': not a part of a PCI address",
				       parts[i].key, text);
		domain_set(b, address, parts[i].name, value);
	}
}

static const char *unprefixed(const char *hex)
{
	if (g_str_has_prefix(hex, "0x"))
		return hex + 2;
	return hex;
}

/* A part of a PCI address, as decimal or hexadecimal with 0x; G_MAXUINT64: none. */
static guint64 part_of(const char *text, int base)
{
	if (text)
		return g_ascii_strtoull(unprefixed(text), NULL, base);
	return G_MAXUINT64;
}

/* libvirt prints an index in decimal, and the parts of an address in hexadecimal. */
static guint64 live_part(xmlNode *node, const char *name)
{
	g_autofree char *text = xml_attribute(node, name);
	int base = 10;

	if (text && g_str_has_prefix(text, "0x"))
		base = 16;

	return part_of(text, base);
}

static bool takes(xmlNode *device, guint64 domain, guint64 bus, guint64 slot, guint64 function)
{
	xmlNode *address = xml_child(device, "address");

	if (!address)
		return false;
	if (live_part(address, "bus") != bus)
		return false;
	if (live_part(address, "slot") != slot)
		return false;
	if (live_part(address, "function") != function)
		return false;

	return live_part(address, "domain") == domain;
}

static bool is_bus(xmlNode *device, guint64 index)
{
	if (!xmlStrEqual(device->name, BAD_CAST "controller"))
		return false;
	if (!xml_has(device, "type", "pci"))
		return false;

	return live_part(device, "index") == index;
}

/* Whether a running domain has the bus for PCI's guest address, and nothing else there. */
static bool place_is_free(const DomainBuild *b, const TmplAttr *pci)
{
	const xmlNode *devices;
	const char *index = tmpl_attr_text(pci, "VM_BUS_INDEX");
	guint64 domain = 0, bus, slot = 0, function = 0;
	bool has_bus = false;

	/* A VM that is deployed gets its buses with the device. */
	if (!b->attach)
		return true;
	if (!b->attach->live)
		return true;

	if (index) {
		bus = part_of(index, 10);
	} else {
		domain = part_of(tmpl_attr_text(pci, "VM_DOMAIN"), 16);
		bus = part_of(tmpl_attr_text(pci, "VM_BUS"), 16);
		slot = part_of(tmpl_attr_text(pci, "VM_SLOT"), 16);
		function = part_of(tmpl_attr_text(pci, "VM_FUNCTION"), 16);
	}

	devices = xml_child(b->attach->live, "devices");
	if (!devices)
		return false;

	for (xmlNode *d = devices->children; d; d = d->next) {
		if (is_bus(d, bus))
			has_bus = true;
		if (takes(d, domain, bus, slot, function))
			return false;
	}

	return has_bus;
}

/* FIXED: of a device that VM_BUS_INDEX puts on a bus of its own, where it is alone. */
static const struct {
	const char *key, *name, *fixed;
} guest_parts[] = {
	{ "VM_DOMAIN", "domain", "0x0000" }, { "VM_BUS", "bus", NULL },
	{ "VM_SLOT", "slot", "0x00" }, { "VM_FUNCTION", "function", "0x0" },
};

static bool has_guest_address(const TmplAttr *pci)
{
	if (tmpl_attr_text(pci, "VM_BUS_INDEX"))
		return true;

	for (size_t i = 0; i < G_N_ELEMENTS(guest_parts); i++)
		if (!tmpl_attr_text(pci, guest_parts[i].key))
			return false;

	return true;
}

/* Without one libvirt chooses the address, as it must when ours is taken in a running domain. */
static void guest_address(DomainBuild *b, xmlNode *hostdev, const TmplAttr *pci)
{
	const char *index = tmpl_attr_text(pci, "VM_BUS_INDEX");
	xmlNode *address;

	if (!has_guest_address(pci))
		return;
	if (!place_is_free(b, pci))
		return;

	address = domain_element(hostdev, "address");
	domain_set(b, address, "type", "pci");

	for (size_t i = 0; i < G_N_ELEMENTS(guest_parts); i++) {
		const char *key = guest_parts[i].key, *value = NULL;

		if (index)
			value = guest_parts[i].fixed;
		if (index && !value)
			key = "VM_BUS_INDEX";
		if (!value)
			value = tmpl_attr_text(pci, key);

		if (!is_part(unprefixed(value), guest_parts[i].name))
			domain_problem(b, pci, "%s = '%s': not a part of a PCI address", key,
				       value);
		domain_set(b, address, guest_parts[i].name, value);
	}
}

static const struct domain_pattern_rule uuid = { "-", 36, "a UUID", domain_is_uuid };

static const struct domain_rule mdev_rules[] = {
	/* attribute  levels      path                   convert         argument absent */
	{ NULL,       0,          "@mode",               NULL,           NULL,    "subsystem" },
	{ NULL,       0,          "@type",               NULL,           NULL,    "mdev" },
	{ NULL,       0,          "@model",              NULL,           NULL,    "vfio-pci" },
	{ "PCI/UUID", TMPL_IN_VM, "source/address@uuid", domain_pattern, &uuid,   NULL },
};

/* OpenNebula's name for it is "legacy": the mdev that the host's device was divided into. */
static bool is_mediated(const TmplAttr *pci)
{
	const char *mode = tmpl_attr_text(pci, "MDEV_MODE");

	if (!tmpl_attr_text(pci, "UUID"))
		return false;
	if (!mode)
		return true;

	return !g_ascii_strcasecmp(mode, "legacy");
}

/* NVIDIA's own driver keeps the virtual function: libvirt must not bind it to vfio-pci. */
static void passthrough(DomainBuild *b, xmlNode *node, const TmplAttr *pci)
{
	const char *mode = tmpl_attr_text(pci, "MDEV_MODE"), *managed = "yes";

	if (mode && !g_ascii_strcasecmp(mode, "nvidia"))
		managed = "no";

	domain_set(b, node, "mode", "subsystem");
	domain_set(b, node, "type", "pci");
	domain_set(b, node, "managed", managed);
	host_address(b, domain_element(node, "source"), pci);
}

static void check_ids(DomainBuild *b, const TmplAttr *pci)
{
	static const char *const ids[] = { "VENDOR", "DEVICE", "CLASS" };

	for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
		const char *id = tmpl_attr_text(pci, ids[i]);

		if (id && !is_hex(id))
			domain_problem(b, pci, "%s = '%s': not hexadecimal", ids[i], id);
	}
}

static void acpi_nodes(DomainBuild *b, xmlNode *node, const TmplAttr *pci)
{
	const char *nodes = tmpl_attr_text(pci, "ACPI_NODES");

	if (!nodes)
		return;

	if (!domain_is_cpuset(nodes)) {
		domain_problem(b, pci, "ACPI_NODES = '%s': not a set of nodes", nodes);
		return;
	}

	if (domain_needs(b, pci, "ACPI_NODES", GATE(LIBVIRT_ACPI_NODES, NULL)))
		domain_put(b, node, "acpi@nodeset", nodes);
}

void domain_hostdev(DomainBuild *b, xmlNode *devices, const TmplAttr *pci)
{
	xmlNode *node = domain_element(devices, "hostdev");

	if (!domain_pci_complete(pci)) {
		domain_problem(b, pci, "has no complete host address");
		return;
	}

	check_ids(b, pci);
	if (is_mediated(pci))
		DOMAIN_EMIT(b, node, mdev_rules, pci);
	else
		passthrough(b, node, pci);

	if (domain_bool(b, pci, "PCI/IOMMUFD", TMPL_IN_VM) &&
	    domain_needs(b, pci, "IOMMUFD", GATE(LIBVIRT_IOMMUFD, "iommufd")))
		domain_put(b, node, "driver@iommufd", "yes");
	acpi_nodes(b, node, pci);
	guest_address(b, node, pci);
}

/* ROOT = dedicated: oned gives the device a root port that no other device shares. */
static bool is_dedicated(const TmplAttr *pci)
{
	const char *root = tmpl_attr_text(pci, "ROOT");

	if (!root)
		return false;

	return !g_ascii_strcasecmp(root, "dedicated");
}

void domain_hostdevs(DomainBuild *b, xmlNode *devices)
{
	const TmplAttr *pci = NULL;

	domain_iommu(b, devices);
	while ((pci = tmpl_set_next(b->vm->level[TMPL_VM], "PCI", pci)))
		if (domain_pci_complete(pci))
			domain_hostdev(b, devices, pci);
		else
			domain_warn(b, "PCI %s: left out, it has no complete host address",
				    tmpl_attr_text(pci, "PCI_ID"));
}

static xmlNode *controller(DomainBuild *b, xmlNode *devices, guint64 index, const char *model)
{
	xmlNode *node = domain_element(devices, "controller");

	domain_set(b, node, "type", "pci");
	domain_set_number(node, "index", index);
	domain_set(b, node, "model", model);

	return node;
}

/*
 * As many root ports as Q35_ROOT_PORTS says, more when a device is behind a later one; and one of
 * them must be free for the bridge, as libvirt adds none for that.
 */
static void flat(DomainBuild *b, xmlNode *devices)
{
	g_autoptr(GHashTable) taken = g_hash_table_new(NULL, NULL);
	guint64 ports = 0;
	const TmplAttr *pci = NULL;

	domain_number(b, NULL, "Q35_ROOT_PORTS", TMPL_IN_SITE, RANGE(0, ROOT_PORTS_MAX), &ports);
	if (!ports)
		ports = DEFAULT_ROOT_PORTS;
	while ((pci = tmpl_set_next(b->vm->level[TMPL_VM], "PCI", pci))) {
		const char *bus = tmpl_attr_text(pci, "VM_BUS");
		guint64 n = 0;

		if (bus && domain_pci_complete(pci))
			n = g_ascii_strtoull(unprefixed(bus), NULL, 16);
		if (n && n <= ROOT_PORTS_MAX)
			g_hash_table_add(taken, GUINT_TO_POINTER(n));

		ports = CLAMP(n, ports, ROOT_PORTS_MAX);
	}

	if (g_hash_table_size(taken) >= ports)
		ports++;
	for (guint64 i = 1; i <= ports; i++)
		controller(b, devices, i, "pcie-root-port");
	controller(b, devices, ports + 1, "pcie-to-pci-bridge");
}

/* busNr is what the guest sees: it must leave room for the buses below it. */
static void expander(DomainBuild *b, xmlNode *devices, guint64 index, guint64 bus, const char *node)
{
	xmlNode *target =
		domain_element(controller(b, devices, index, "pcie-expander-bus"), "target");
	g_autofree char *number = g_strdup_printf("0x%02" G_GINT64_MODIFIER "x", bus);

	domain_set(b, target, "busNr", number);
	domain_text_element(b, target, "node", node);
}

static void port_address(xmlNode *port, guint64 bus, const char *function, bool multifunction)
{
	xmlNode *address = domain_element(port, "address");

	xmlSetProp(address, BAD_CAST "type", BAD_CAST "pci");
	domain_set_number(address, "bus", bus);
	xmlSetProp(address, BAD_CAST "slot", BAD_CAST "0");
	xmlSetProp(address, BAD_CAST "function", BAD_CAST function);
	if (multifunction)
		xmlSetProp(address, BAD_CAST "multifunction", BAD_CAST "on");
}

/* The ports of a node are the eight functions of one slot: they take one place of its bus. */
static void node_ports(DomainBuild *b, xmlNode *devices, guint node)
{
	guint64 index = FIRST_NODE_INDEX + (guint64)node * (NODE_PORTS + 1);
	g_autofree char *id = g_strdup_printf("%u", node);

	expander(b, devices, index, FIRST_NODE_BUS + (guint64)node * NODE_BUS_STEP, id);
	for (guint i = 0; i < NODE_PORTS; i++) {
		g_autofree char *function = g_strdup_printf("%u", i);

		port_address(controller(b, devices, index + 1 + i, "pcie-root-port"), index,
			     function, i == 0);
	}
}

/* An expander bus for each dedicated device, from INDEX on. */
static void dedicated_ports(DomainBuild *b, xmlNode *devices, guint64 index)
{
	const TmplAttr *pci = NULL;
	guint64 bus = FIRST_DEDICATED_BUS;

	while ((pci = tmpl_set_next(b->vm->level[TMPL_VM], "PCI", pci))) {
		const char *node = tmpl_attr_text(pci, "NUMA_NODE");

		if (!is_dedicated(pci))
			continue;
		if (!node || strspn(node, "0123456789") != strlen(node))
			domain_problem(b, pci, "NUMA_NODE = '%s': not a node", domain_or(node, ""));
		if (bus > LAST_BUS)
			domain_problem(b, pci, "too many dedicated PCI ports");
		expander(b, devices, index, bus, text_or(node, "0"));
		port_address(controller(b, devices, index + 1, "pcie-root-port"), index, "0x0",
			     false);
		if (domain_bool(b, pci, "PCI/IOMMU", TMPL_IN_VM))
			domain_iommu_behind(b, devices, index);
		index += 2;
		bus += DEDICATED_BUS_STEP;
	}
}

/* Indexes follow the node's number, as oned does when it assigns VM_BUS_INDEX. */
static void by_node(DomainBuild *b, xmlNode *devices)
{
	const TmplAttr *node = NULL;
	guint used = 0, last = 0;

	controller(b, devices, 1, "pcie-root-port");
	controller(b, devices, 2, "pcie-to-pci-bridge");

	for (guint i = 0; (node = tmpl_set_next(b->vm->level[TMPL_VM], "NUMA_NODE", node)); i++) {
		guint64 cpus = 0, memory = 0;

		domain_number(b, node, "NUMA_NODE/TOTAL_CPUS", TMPL_IN_VM,
			      RANGE(0, G_MAXUINT16), &cpus);
		domain_number(b, node, "NUMA_NODE/MEMORY", TMPL_IN_VM,
			      RANGE(0, G_MAXINT64), &memory);

		if (!cpus || !memory)
			continue;
		if (i >= NODES_MAX) {
			domain_problem(b, node, "more than %d nodes have no PCI ports", NODES_MAX);
			return;
		}

		node_ports(b, devices, i);
		last = i + 1;
		used++;
	}

	if (last != used)
		domain_problem(b, NULL,
			       "NUMA_NODE: one without CPUs or memory comes before others");
	dedicated_ports(b, devices, FIRST_NODE_INDEX + (guint64)used * (NODE_PORTS + 1));
}

/* Other machines have the buses that libvirt makes by itself. */
void domain_controllers(DomainBuild *b, xmlNode *devices)
{
	guint64 hole = 0;
	xmlNode *root, *node;

	if (!b->pcie && strcmp(b->arch, "aarch64"))
		return;

	root = controller(b, devices, 0, "pcie-root");
	domain_number(b, NULL, "FEATURES/PCIHOLE64", TMPL_IN_ALL, RANGE(0, G_MAXINT64), &hole);

	if (hole) {
		g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, hole);

		node = domain_text_element(b, root, "pcihole64", text);
		domain_set(b, node, "unit", "KiB");
	}

	if (domain_n_nodes(b) && domain_bool(b, NULL, "Q35_NUMA_PCIE", TMPL_IN_SITE))
		by_node(b, devices);
	else
		flat(b, devices);
}
