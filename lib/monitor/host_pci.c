/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/host_pci.h"

#include <string.h>

#include "base/text.h"
#include "facts/facts_parts.h"
#include "monitor/pci_names.h"

#define DEVICES "/sys/bus/pci/devices"
enum { ID_DIGITS = 4, SHORT_AT = 5, FULL_LENGTH = 12, UUID_BYTES = 16 };

struct device {
	const char *root, *address;		/* "0000:01:00.0" */
	char vendor[ID_DIGITS + 1], id[ID_DIGITS + 1], class[ID_DIGITS + 1];
	bool is_virtual, has_virtual, may_have_virtual;
};

static char *attribute(const struct device *d, const char *name)
{
	g_autofree char *path = g_strdup_printf(DEVICES "/%s/%s", d->address, name);

	return facts_text(d->root, path);
}

static bool has_attribute(const struct device *d, const char *name)
{
	g_autofree char *path = g_strdup_printf(DEVICES "/%s/%s", d->address, name);

	return facts_is_link(d->root, path);
}

/* "0x030200" has the four digits that a class is known by. */
static bool read_id(const struct device *d, const char *name, char *ret)
{
	g_autofree char *text = attribute(d, name);

	if (!text || !g_str_has_prefix(text, "0x") || strlen(text) < 2 + ID_DIGITS)
		return false;
	g_strlcpy(ret, text + 2, ID_DIGITS + 1);

	return true;
}

static bool read_device(struct device *d, const char *root, const char *address)
{
	*d = (struct device){ .root = root, .address = address };
	if (strlen(address) != FULL_LENGTH)
		return false;
	if (!read_id(d, "vendor", d->vendor))
		return false;
	if (!read_id(d, "device", d->id))
		return false;

	d->is_virtual = has_attribute(d, "physfn");
	d->has_virtual = has_attribute(d, "virtfn0");
	d->may_have_virtual = has_attribute(d, "sriov_totalvfs");

	return read_id(d, "class", d->class);
}

/* A part that is empty or '*' is any. */
static bool part_fits(const char *part, const char *id)
{
	char *end;
	guint64 wanted;

	if (!part || !*part || g_str_equal(part, "*"))
		return true;
	wanted = g_ascii_strtoull(part, &end, 16);

	return !*end && wanted == g_ascii_strtoull(id, NULL, 16);
}

/* As "lspci -d" reads it, of which several may be joined with commas. */
static bool filter_fits(char **filters, const struct device *d)
{
	for (char **f = filters; *f; f++) {
		g_auto(GStrv) list = g_strsplit(*f, ",", -1);

		for (char **one = list; *one; one++) {
			g_auto(GStrv) parts = g_strsplit(g_strstrip(*one), ":", 4);
			guint n = g_strv_length(parts);
			const char *class = n > 2 ? parts[2] : NULL;
			const char *id = n > 1 ? parts[1] : NULL;

			if (n && part_fits(parts[0], d->vendor) && part_fits(id, d->id) &&
			    part_fits(class, d->class))
				return true;
		}
	}

	return false;
}

static bool name_fits(char **patterns, const char *name)
{
	for (char **p = patterns; *p; p++)
		if (g_regex_match_simple(*p, name, G_REGEX_CASELESS, 0))
			return true;

	return !*patterns;
}

static bool address_fits(char **addresses, const char *address)
{
	const char *const *list = (const char *const *)addresses;

	return !*addresses || g_strv_contains(list, address + SHORT_AT);
}

/* By its name, RFC 4122 4.3, in the name space of X.500: the same at each start of the host. */
static char *uuid_of(const char *name)
{
	static const guchar space[UUID_BYTES] = { 0x6b, 0xa7, 0xb8, 0x14, 0x9d, 0xad, 0x11, 0xd1,
						  0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
	guchar b[20];
	gsize len = sizeof(b);
	GString *text;

	g_checksum_update(sum, space, UUID_BYTES);
	g_checksum_update(sum, (const guchar *)name, -1);
	g_checksum_get_digest(sum, b, &len);
	b[6] = (b[6] & 0x0f) | 0x50;
	b[8] = (b[8] & 0x3f) | 0x80;

	text = g_string_new(NULL);
	for (size_t i = 0; i < UUID_BYTES; i++) {
		if (i >= 4 && i <= 10 && i % 2 == 0)
			g_string_append_c(text, '-');
		g_string_append_printf(text, "%02x", b[i]);
	}

	return g_string_free(text, FALSE);
}

/* "ID : name" lines behind a head, of the driver that has no mediated devices. */
static char *vendor_profiles(const struct device *d)
{
	g_autofree char *text = attribute(d, "nvidia/creatable_vgpu_types");
	g_auto(GStrv) lines = g_strsplit(text_or(text, ""), "\n", -1);
	GString *out = g_string_new(NULL);

	for (char **l = lines; *l; l++) {
		g_auto(GStrv) pair = g_strsplit(*l, ":", 2);

		if (g_strv_length(pair) < 2 || !g_ascii_isdigit(*g_strstrip(pair[0])))
			continue;
		text_separate(out, ",");
		g_string_append_printf(out, "%s (%s)", pair[0], g_strstrip(pair[1]));
	}

	return g_string_free(out, FALSE);
}

static void add_profiles(Fields *pci, const struct device *d, const char *address)
{
	g_autofree char *bus = g_strdup_printf("/sys/class/mdev_bus/%s", d->address);
	g_autofree char *types = g_strconcat(bus, "/mdev_supported_types", NULL);
	g_auto(GStrv) names = facts_names(d->root, types, "");
	g_autofree char *own = vendor_profiles(d), *legacy = g_strjoinv(",", names);
	g_autofree char *uuid = uuid_of(address);
	bool is_legacy = facts_is_link(d->root, bus);

	fields_add(pci, "UUID", FIELDS_QUOTED, "%s", uuid);
	fields_add(pci, "PROFILES", FIELDS_QUOTED, "%s", *names ? legacy : own);
	fields_add(pci, "MDEV_MODE", FIELDS_QUOTED, "%s", is_legacy ? "legacy" : "nvidia");
}

/* The port itself, not one that represents a function of it: that has a name like "pf0vf1". */
static char *interface_now(const struct device *d)
{
	g_autofree char *path = g_strdup_printf(DEVICES "/%s/net", d->address);
	g_auto(GStrv) names = facts_names(d->root, path, "");

	for (char **n = names; *n; n++) {
		g_autofree char *name = g_strdup_printf("net/%s/phys_port_name", *n);
		g_autofree char *port = attribute(d, name);

		if (port && *port == 'p' && strspn(port + 1, "0123456789") == strlen(port) - 1)
			return g_strdup(*n);
	}

	return *names ? g_strdup(*names) : NULL;
}

static void add_interface(Fields *pci, const struct device *d, GHashTable *interfaces)
{
	char *name = interface_now(d);
	const char *known;

	if (name)
		g_hash_table_insert(interfaces, g_strdup(d->address), name);
	known = g_hash_table_lookup(interfaces, d->address);
	fields_add(pci, "IFNAME", FIELDS_QUOTED, "%s", text_or(known, "-"));
}

static void add_place(Fields *pci, const struct device *d, const char *address)
{
	g_autofree char *node = attribute(d, "numa_node");
	const char *a = d->address;
	bool is_known = node && *node != '-';

	fields_add(pci, "ADDRESS", FIELDS_QUOTED, "%s", address);
	fields_add(pci, "SHORT_ADDRESS", FIELDS_QUOTED, "%s", a + SHORT_AT);
	fields_add(pci, "DOMAIN", FIELDS_QUOTED, "%.4s", a);
	fields_add(pci, "BUS", FIELDS_QUOTED, "%.2s", a + SHORT_AT);
	fields_add(pci, "SLOT", FIELDS_QUOTED, "%.2s", a + SHORT_AT + 3);
	fields_add(pci, "FUNCTION", FIELDS_QUOTED, "%s", a + SHORT_AT + 6);
	fields_add(pci, "NUMA_NODE", FIELDS_QUOTED, "%s", is_known ? node : "-");
}

static const char *sriov_of(const struct device *d)
{
	if (d->is_virtual)
		return "vf";
	if (d->may_have_virtual)
		return "pf";

	return "no";
}

static void add_device(Fields *out, const struct device *d, const PciFilter *rules,
		       const PciNames *names, GHashTable *interfaces)
{
	g_autofree char *vendor = pci_names_vendor(names, d->vendor);
	g_autofree char *device = pci_names_device(names, d->vendor, d->id);
	g_autofree char *class = pci_names_class(names, d->class);
	g_autofree char *address = g_strdelimit(g_strdup(d->address), ".", ':');
	bool is_nvidia = g_strv_contains((const char *const *)rules->nvidia_vendors, d->vendor);
	Fields *pci;

	if (!name_fits(rules->device_name, device))
		return;

	pci = fields_add_vector(out, "PCI", FIELDS_HOST);
	fields_add(pci, "TYPE", FIELDS_QUOTED, "%s:%s:%s", d->vendor, d->id, d->class);
	fields_add(pci, "VENDOR", FIELDS_QUOTED, "%s", d->vendor);
	fields_add(pci, "VENDOR_NAME", FIELDS_QUOTED, "%s", vendor);
	fields_add(pci, "DEVICE", FIELDS_QUOTED, "%s", d->id);
	fields_add(pci, "CLASS", FIELDS_QUOTED, "%s", d->class);
	fields_add(pci, "CLASS_NAME", FIELDS_QUOTED, "%s", class);
	add_place(pci, d, address);
	add_interface(pci, d, interfaces);
	fields_add(pci, "SRIOV", FIELDS_QUOTED, "%s", sriov_of(d));
	if (is_nvidia && d->is_virtual)
		add_profiles(pci, d, address);
	if (is_nvidia)	/* their devices' names alone say little */
		fields_add(pci, "DEVICE_NAME", FIELDS_QUOTED, "%s %s", vendor, device);
	else
		fields_add(pci, "DEVICE_NAME", FIELDS_QUOTED, "%s", device);
}

void host_pci_add(Fields *out, const char *root, const PciFilter *rules, GHashTable *interfaces)
{
	g_auto(GStrv) addresses = facts_names(root, DEVICES, "");
	g_autoptr(PciNames) names = NULL;

	for (char **a = addresses; *a; a++) {
		struct device d;

		if (!read_device(&d, root, *a) || !filter_fits(rules->filter, &d))
			continue;
		/* A card whose virtual functions VMs get is not given away itself. */
		if (d.has_virtual || !address_fits(rules->short_address, *a))
			continue;
		if (!names)
			names = pci_names_new(root);
		add_device(out, &d, rules, names, interfaces);
	}
}
