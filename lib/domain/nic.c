/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "xml/xml.h"

/* docs/facts/deployment.md 2.17 */

#define LIBVIRT_CHECKS_SHARING DOMAIN_LIBVIRT(11, 2, 0)	/* it refuses such a domain */
#define VHOST_SOCKETS "/var/run/one/vhost-socks/"

static const struct domain_range orders = { 1, G_MAXINT32 };
static const struct domain_range rates = { 1, G_MAXUINT32 };
static const struct domain_pattern_rule model_name = { "_-", 64, "a device model", NULL };

static bool is_mac(const char *text)
{
	for (int i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
			return false;
	return !text[17];
}

static bool is_interface_name(const char *text)
{
	if (strcmp(text, ".") == 0)
		return false;
	return strcmp(text, "..") != 0;
}

static const struct domain_pattern_rule mac = { ":", 17, "a MAC address", is_mac };
static const struct domain_pattern_rule target = {
	"_.-\\:", 15, "an interface name of up to 15 characters", is_interface_name
};

static const struct domain_rule nic_rules[] = {
	/* attribute    levels      path           convert         argument     absent */
	{ "NIC/MAC",    TMPL_IN_VM, "mac@address", domain_pattern, &mac,        NULL },
	{ "NIC/TARGET", TMPL_IN_VM, "target@dev",  domain_pattern, &target,     NULL },
	{ "NIC/ORDER",  TMPL_IN_VM, "boot@order",  domain_decimal, &orders,     NULL },
	{ "NIC/MODEL",  0,          "model@type",  domain_pattern, &model_name, NULL },
};

static const struct {
	const char *element, *average, *peak, *burst;
	const char *burst_alias;	/* as the user guides misspell it */
} bandwidths[] = {
	{ "inbound",
	  "INBOUND_AVG_BW", "INBOUND_PEAK_BW", "INBOUND_PEAK_KB", "INBOUND_PEAK_KW" },
	{ "outbound",
	  "OUTBOUND_AVG_BW", "OUTBOUND_PEAK_BW", "OUTBOUND_PEAK_KB", "OUTBOUND_PEAK_KW" },
};

static void set_rate(DomainBuild *b, xmlNode *parent, const TmplAttr *nic, const char *key,
		     const char *element, const char *attribute)
{
	g_autofree char *path = g_strconcat("NIC/", key, NULL);
	guint64 value;

	if (!domain_number(b, nic, path, TMPL_IN_VM, RANGE(rates.min, rates.max), &value))
		return;

	/* Made here only: a NIC without limits has no <bandwidth>. */
	domain_set_number(domain_child(domain_child(parent, "bandwidth"), element), attribute,
			  value);
}

/* The guides misspell the burst: VMs that follow them would get none. */
static void bandwidth(DomainBuild *b, xmlNode *parent, const TmplAttr *nic)
{
	for (size_t i = 0; i < G_N_ELEMENTS(bandwidths); i++) {
		bool alias = !tmpl_attr_text(nic, bandwidths[i].burst) &&
			     tmpl_attr_text(nic, bandwidths[i].burst_alias);
		const char *burst;
		xmlNode *node;

		if (alias)
			burst = bandwidths[i].burst_alias;
		else
			burst = bandwidths[i].burst;

		set_rate(b, parent, nic, bandwidths[i].average, bandwidths[i].element, "average");
		set_rate(b, parent, nic, bandwidths[i].peak, bandwidths[i].element, "peak");
		set_rate(b, parent, nic, burst, bandwidths[i].element, "burst");
		node = xml_child(xml_child(parent, "bandwidth"), bandwidths[i].element);

		if (alias)
			domain_warn(b, "NIC: %s is taken as %s", burst, bandwidths[i].burst);
		if (node && !xmlHasProp(node, BAD_CAST "average"))
			domain_problem(b, nic,
				       "%s is missing: libvirt takes no other limit without it",
				       bandwidths[i].average);
	}
}

static void bridge_source(DomainBuild *b, xmlNode *node, const char *bridge)
{
	domain_put(b, node, "source@bridge", bridge);
}

static void ovs_source(DomainBuild *b, xmlNode *node, const char *bridge)
{
	domain_put(b, node, "virtualport@type", "openvswitch");
	domain_put(b, node, "source@bridge", bridge);
}

static const struct {
	const char *bridge_type;
	void (*source)(DomainBuild *b, xmlNode *node, const char *bridge);
} bridge_types[] = {
	{ "openvswitch", ovs_source },
	{ "linux",       bridge_source },
};

/* QEMU listens and the switch connects, as OpenNebula's Open vSwitch driver sets its port up. */
static void dpdk_source(DomainBuild *b, xmlNode *node, const TmplAttr *nic)
{
	const char *port = tmpl_attr_text(nic, "TARGET");
	g_autofree char *path = g_strconcat(VHOST_SOCKETS, domain_or(port, ""), NULL);

	if (!port)
		domain_problem(b, nic, "TARGET is missing: the port needs it for its socket");
	domain_set(b, node, "type", "vhostuser");
	domain_put(b, node, "source@type", "unix");
	domain_put(b, node, "source@mode", "server");
	domain_put(b, node, "source@path", path);
}

/*
 * oned makes an ethernet, a TAP on no bridge, of a NIC that has no bridge or is of mode
 * dummy. An unknown type of bridge, from a site's own driver, is treated as Linux's.
 */
static void set_type(DomainBuild *b, xmlNode *node, const TmplAttr *nic)
{
	const char *bridge = tmpl_attr_text(nic, "BRIDGE");
	const char *type = tmpl_attr_text(nic, "BRIDGE_TYPE");
	const char *mode = tmpl_attr_text(nic, "NETWORK_MODE");
	size_t row = 0;

	if (!bridge || (mode && !g_ascii_strcasecmp(mode, "dummy"))) {
		domain_set(b, node, "type", "ethernet");
		return;
	}

	if (!g_strcmp0(type, "openvswitch_dpdk")) {
		dpdk_source(b, node, nic);
		return;
	}

	/* The last row is what any other type of bridge is like. */
	while (row + 1 < G_N_ELEMENTS(bridge_types) &&
	       g_strcmp0(type, bridge_types[row].bridge_type))
		row++;
	domain_set(b, node, "type", "bridge");
	bridge_types[row].source(b, node, bridge);
}

/* The variables passed to a filter; each address of the NIC adds a value to its variable. */
static const struct {
	const char *key, *variable;
} filter_parameters[] = {
	{ "IP", "IP" },         { "VROUTER_IP", "IP" },   { "IP6", "IPV6" },
	{ "IP6_LINK", "IPV6" }, { "IP6_ULA", "IPV6" },    { "IP6_GLOBAL", "IPV6" },
	{ "VROUTER_IP6", "IPV6" },
};

static bool has_address(const TmplAttr *nic)
{
	for (size_t i = 0; i < G_N_ELEMENTS(filter_parameters); i++)
		if (tmpl_attr_text(nic, filter_parameters[i].key))
			return true;
	return false;
}

/*
 * A filter such as clean-traffic compares packets with the addresses that it is given.
 * Without any it would learn one from the guest, which could then choose it.
 */
static void filter(DomainBuild *b, xmlNode *node, const TmplAttr *nic)
{
	const char *name = domain_text(b, nic, "NIC/FILTER", TMPL_IN_ALL);
	xmlNode *ref;

	if (!name || !has_address(nic))
		return;

	ref = domain_element(node, "filterref");
	domain_set(b, ref, "filter", name);

	for (size_t i = 0; i < G_N_ELEMENTS(filter_parameters); i++) {
		const char *address = tmpl_attr_text(nic, filter_parameters[i].key);
		xmlNode *parameter = NULL;

		if (address)
			parameter = domain_element(ref, "parameter");

		if (!parameter)
			continue;

		domain_set(b, parameter, "name", filter_parameters[i].variable);
		domain_set(b, parameter, "value", address);
	}
}

/* Only virtio NICs have queues. */
static void queues(DomainBuild *b, xmlNode *node, const TmplAttr *nic)
{
	const char *model = domain_text(b, nic, "NIC/MODEL", TMPL_IN_ALL);
	guint64 n;

	if (g_strcmp0(model, "virtio"))
		return;
	if (!domain_queues(b, nic, "NIC/VIRTIO_QUEUES", TMPL_IN_ALL, &n))
		return;
	if (!n)
		return;

	domain_put(b, node, "driver@name", "vhost");
	domain_set_number(domain_child(node, "driver"), "queues", n);
}

/* The program at the other end of the socket knows virtio only, which is not libvirt's default. */
static void check_vhost_user(DomainBuild *b, xmlNode *node, const TmplAttr *nic)
{
	g_autofree char *model = xml_child_attribute(node, "model", "type");

	if (!xml_has(node, "type", "vhostuser"))
		return;
	if (!model)
		domain_put(b, node, "model@type", "virtio");
	else if (!g_str_has_prefix(model, "virtio"))
		domain_problem(b, nic, "MODEL: a DPDK port needs virtio, not '%s'", model);
}

void domain_nic(DomainBuild *b, xmlNode *devices, const TmplAttr *nic)
{
	xmlNode *node = domain_element(devices, "interface");
	const char *script = tmpl_attr_text(nic, "SCRIPT");
	const char *tap = tmpl_attr_text(nic, "TARGET");

	set_type(b, node, nic);
	if (tap)
		domain_may_name(b, "NIC/TARGET", tap, DOMAIN_NAME_TAP);
	DOMAIN_EMIT(b, node, nic_rules, nic);
	domain_boot_order(b, node, nic);

	if (script && domain_may_use(b, nic, "SCRIPT", script, DOMAIN_PATH_SCRIPT))
		domain_put(b, node, "script@path", script);
	queues(b, node, nic);
	filter(b, node, nic);
	bandwidth(b, node, nic);
	check_vhost_user(b, node, nic);
}

static bool shares_memory(const xmlNode *domain)
{
	const xmlNode *numa = xml_child(xml_child(domain, "cpu"), "numa");
	const xmlNode *backing = xml_child(domain, "memoryBacking");

	if (xml_has(xml_child(backing, "access"), "mode", "shared"))
		return true;

	return xml_has(xml_child(numa, "cell"), "memAccess", "shared");
}

/* A vhost-user port works on memory that its switch can map, else nothing gets through. */
void domain_check_sharing(DomainBuild *b, const xmlNode *domain)
{
	static const char text[] = "a DPDK port needs memory that is shared: NUMA_NODEs and "
				   "TOPOLOGY/MEMORY_ACCESS = shared";
	const xmlNode *devices = xml_child(domain, "devices");

	for (const xmlNode *n = xml_child(devices, "interface"); n; n = xml_next(n)) {
		if (!xml_has(n, "type", "vhostuser"))
			continue;
		if (shares_memory(domain))
			continue;
		if (b->options->libvirt >= LIBVIRT_CHECKS_SHARING)
			domain_problem(b, NULL, "%s", text);
		else
			domain_warn(b, "%s", text);
		return;
	}
}
