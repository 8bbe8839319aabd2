/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/oned_parts.h"

#include "base/number.h"
#include "domain/emit.h"

/* docs/facts/deployment.md 1.1.2 to 1.1.6: what a site may say for its VMs, and where it is then */

struct site {
	const TmplVm *vm;
	const xmlNode *domain;
	TmplSet *set;
};

/* How the text at a place is the attribute's value. */
enum kind { TEXT, PRESENT, LOCALTIME };

static const struct row {
	const char *path, *place;
	enum kind kind;
	const char *vector;	/* the VM must have it itself; or NULL */
} rows[] = {
	{ "EMULATOR",			"devices/emulator",		TEXT,	   NULL },
	{ "OS/ARCH",			"os/type@arch",			TEXT,	   NULL },
	{ "OS/MACHINE",			"os/type@machine",		TEXT,	   NULL },
	{ "OS/KERNEL",			"os/kernel",			TEXT,	   NULL },
	{ "OS/INITRD",			"os/initrd",			TEXT,	   NULL },
	{ "OS/BOOTLOADER",		"os/bootloader",		TEXT,	   NULL },
	{ "OS/FIRMWARE_FORMAT",		"os/nvram@format",		TEXT,	   NULL },
	{ "FEATURES/PAE",		"features/pae",			PRESENT,   NULL },
	{ "FEATURES/ACPI",		"features/acpi",		PRESENT,   NULL },
	{ "FEATURES/APIC",		"features/apic",		PRESENT,   NULL },
	{ "FEATURES/HYPERV",		"features/hyperv",		PRESENT,   NULL },
	{ "FEATURES/RAS",		"features/ras",			PRESENT,   NULL },
	{ "FEATURES/GIC",		"features/gic@version",		TEXT,	   NULL },
	{ "FEATURES/LOCALTIME",		"clock@offset",			LOCALTIME, NULL },
	{ "FEATURES/IOTHREADS",		"iothreads",			TEXT,	   NULL },
	{ "TPM/MODEL",			"devices/tpm@model",		TEXT,	   NULL },
	{ "GRAPHICS/TYPE",		"devices/graphics@type",	TEXT,	   "GRAPHICS" },
	{ "GRAPHICS/LISTEN",		"devices/graphics@listen",	TEXT,	   "GRAPHICS" },
	{ "GRAPHICS/PASSWD",		"devices/graphics@passwd",	TEXT,	   "GRAPHICS" },
	{ "GRAPHICS/KEYMAP",		"devices/graphics@keymap",	TEXT,	   "GRAPHICS" },
};

/* Keys of DISK and NIC whose default may be the site's. */
static const struct device_row {
	const char *key, *place;
} disk_rows[] = {
	{ "DRIVER", "driver@type" }, { "CACHE", "driver@cache" }, { "IO", "driver@io" },
	{ "DISCARD", "driver@discard" },
}, nic_rows[] = {
	{ "MODEL", "model@type" }, { "FILTER", "filterref@filter" },
	{ "VIRTIO_QUEUES", "driver@queues" },
};

static void put_key(TmplSet *set, const char *path, const char *value)
{
	g_auto(GStrv) part = g_strsplit(path, "/", 2);
	TmplAttr *vector;

	if (!part[1]) {
		g_ptr_array_add(set->attrs, tmpl_attr_new(g_strdup(path), g_strdup(value)));
		return;
	}

	vector = (TmplAttr *)tmpl_set_vector(set, part[0]);
	if (!vector) {
		vector = tmpl_attr_new(g_strdup(part[0]), NULL);
		g_ptr_array_add(set->attrs, vector);
	}

	if (!tmpl_attr_key(vector, part[1]))
		g_ptr_array_add(vector->keys, tmpl_attr_new(g_strdup(part[1]), g_strdup(value)));
}

static bool says(const struct site *s, const char *path)
{
	struct tmpl_hit hit;

	return tmpl_vm_find(s->vm, NULL, path, TMPL_IN_VM, &hit);
}

/*
 * Adds an attribute of the site. One that the VM has itself, or without VALUE (NULL), is not the
 * site's.
 */
static void put_site(struct site *s, const char *path, const char *value)
{
	if (value && *value && !says(s, path))
		put_key(s->set, path, value);
}

static const char *yes_or_no(bool yes)
{
	if (yes)
		return "yes";

	return "no";
}

/*
 * A missing PRESENT element is noted as "no", too: the defaults may say yes where host or cluster
 * says no.
 */
static void read_row(struct site *s, const struct row *r)
{
	g_autofree char *text = oned_text(s->domain, r->place);

	if (r->vector && !tmpl_set_vector(s->vm->level[TMPL_VM], r->vector))
		return;
	switch (r->kind) {
	case PRESENT:
		put_site(s, r->path, yes_or_no(oned_find(s->domain, r->place)));
		break;
	case LOCALTIME:
		put_site(s, r->path, yes_or_no(!g_strcmp0(text, "localtime")));
		break;
	case TEXT:
	default:
		put_site(s, r->path, text);
	}
}

static void read_firmware(struct site *s)
{
	g_autofree char *automatic = oned_text(s->domain, "os@firmware");
	g_autofree char *loader = oned_text(s->domain, "os/loader");
	g_autofree char *secure = oned_text(s->domain, "os/firmware/feature@enabled");
	g_autofree char *explicit = oned_text(s->domain, "os/loader@secure");

	if (automatic)
		put_site(s, "OS/FIRMWARE", "UEFI");
	else
		put_site(s, "OS/FIRMWARE", domain_or(loader, "BIOS"));
	if (automatic)
		put_site(s, "OS/FIRMWARE_SECURE", secure);
	else
		put_site(s, "OS/FIRMWARE_SECURE", explicit);
	/* The list is oned's to check, which has that of host and cluster, too. */
	put_site(s, "OVMF_UEFIS", loader);
}

/* "root=/dev/vda1 quiet" is of a ROOT or all of it of a KERNEL_CMD. */
static void read_command_line(struct site *s)
{
	g_autofree char *line = oned_text(s->domain, "os/cmdline");
	struct tmpl_hit own;
	const char *rest, *root = "root=/dev/";

	if (!line)
		return;
	if (tmpl_vm_find(s->vm, NULL, "OS/KERNEL_CMD", TMPL_IN_VM, &own) &&
	    g_str_equal(own.text, line))
		return;
	if (!g_str_has_prefix(line, root)) {
		put_site(s, "OS/KERNEL_CMD", line);
		return;
	}

	rest = line + strcspn(line, " ");
	if (!says(s, "OS/ROOT")) {
		g_autofree char *device = g_strndup(line + strlen(root),
						    (gsize)(rest - line) - strlen(root));

		put_site(s, "OS/ROOT", device);
	}

	put_site(s, "OS/KERNEL_CMD", rest + strspn(rest, " "));
}

/* With EVC_MODE the model stays what it is, whatever list the VM may have besides. */
static void read_cpu(struct site *s)
{
	g_autofree char *model = oned_text(s->domain, "cpu/model");
	g_autofree char *mode = oned_text(s->domain, "cpu@mode");
	GString *features = g_string_new(NULL);
	const xmlNode *cpu = xml_child(s->domain, "cpu");
	const char *name = model ? model : mode;
	struct tmpl_hit own;

	if (name && !(tmpl_vm_find(s->vm, NULL, "CPU_MODEL/MODEL", TMPL_IN_VM, &own) &&
		      g_str_equal(own.text, name)))
		put_site(s, "EVC_MODE", name);
	for (const xmlNode *n = xml_child(cpu, "feature"); n; n = xml_next(n)) {
		g_autofree char *feature = xml_attribute(n, "name");

		g_string_append_printf(features, "%s%s", features->len ? "," : "", feature);
	}

	put_site(s, "CPU_MODEL/FEATURES", features->str);
	g_string_free(features, TRUE);
}

static void read_vcpus(struct site *s)
{
	g_autofree char *max = oned_text(s->domain, "vcpu");
	g_autofree char *current = oned_text(s->domain, "vcpu@current");

	put_site(s, "VCPU", domain_or(current, max));
	if (current)
		put_site(s, "VCPU_MAX", max);
}

/* Only the version of cgroups says in which unit shares are: 100 or 1024 for a CPU. */
static void read_tuning(struct site *s)
{
	g_autofree char *shares = oned_text(s->domain, "cputune/shares");
	g_autofree char *emulator = oned_text(s->domain, "cputune/emulatorpin@cpuset");
	g_autofree char *slots = oned_text(s->domain, "maxMemory@slots");
	struct tmpl_hit cpu;

	if (shares && tmpl_vm_find(s->vm, NULL, "CPU", TMPL_IN_VM, &cpu)) {
		/* Not ceilf(): what oned rounds up is a float. */
		float wanted = 100 * (float)g_ascii_strtod(cpu.text, NULL);
		gint64 rounded = (gint64)CLAMP(wanted, 1, 10000);

		rounded += (float)rounded < wanted && rounded < 10000;
		if (g_ascii_strtoll(shares, NULL, 10) == rounded)
			put_site(s, "CGROUPS_VERSION", "2");
	}

	if (emulator && domain_is_cpuset(emulator))
		put_site(s, "EMULATOR_CPUS", emulator);
	if (slots && strcmp(slots, "0") != 0)
		put_site(s, "MEMORY_SLOTS", slots);
}

static guint count_ports(const xmlNode *devices, bool *by_node)
{
	guint n = 0;

	*by_node = false;
	for (const xmlNode *c = xml_child(devices, "controller"); c; c = xml_next(c)) {
		if (xml_has(c, "model", "pcie-expander-bus"))
			*by_node = true;
		if (xml_has(c, "model", "pcie-root-port"))
			n++;
	}

	return n;
}

static void read_buses(struct site *s, const xmlNode *devices)
{
	g_autofree char *hole = NULL, *count = NULL;
	bool by_node;
	guint n = count_ports(devices, &by_node);

	for (const xmlNode *c = xml_child(devices, "controller"); c; c = xml_next(c)) {
		g_autofree char *queues = xml_child_attribute(c, "driver", "queues");

		if (xml_has(c, "type", "scsi"))
			put_site(s, "FEATURES/VIRTIO_SCSI_QUEUES", queues);
		if (!hole)
			hole = xml_child_text(c, "pcihole64");
	}

	put_site(s, "FEATURES/PCIHOLE64", hole);
	if (!n)
		return;
	count = g_strdup_printf("%u", n);
	put_site(s, "Q35_NUMA_PCIE", yes_or_no(by_node));
	if (!by_node)
		put_site(s, "Q35_ROOT_PORTS", count);
}

static void read_agent(struct site *s, const xmlNode *devices)
{
	const char *agent = "no";

	for (const xmlNode *c = xml_child(devices, "channel"); c; c = xml_next(c))
		if (xml_has(xml_child(c, "target"), "name", "org.qemu.guest_agent.0"))
			agent = "yes";
	put_site(s, "FEATURES/GUEST_AGENT", agent);
}

/*
 * Reads a value at PLACE below NODE. If the VM's DEVICE does not have it, it is a default of the
 * site.
 */
static void put_default(struct site *s, const TmplAttr *device, const char *key,
			const xmlNode *node, const char *place)
{
	g_autofree char *path = g_strdup_printf("%s/%s", device->name, key);
	g_autofree char *value = NULL;

	if (tmpl_attr_text(device, key))
		return;
	value = oned_text(node, place);
	if (value && *value)
		put_key(s->set, path, value);
}

/* The device whose CHILD has NAME = VALUE; NULL: none. */
static const xmlNode *device_of(const xmlNode *first, const char *child, const char *name,
				const char *value)
{
	for (const xmlNode *n = first; n && value; n = xml_next(n))
		if (xml_has(xml_child(n, child), name, value))
			return n;

	return NULL;
}

static void read_limits(struct site *s, const TmplAttr *disk, const xmlNode *node)
{
	xmlNode *limits = xml_child(node, "iotune");

	for (xmlNode *n = limits ? xmlFirstElementChild(limits) : NULL; n;
	     n = xmlNextElementSibling(n)) {
		g_autofree char *key = g_ascii_strup((const char *)n->name, -1);

		put_default(s, disk, key, limits, (const char *)n->name);
	}
}

static void read_queues(struct site *s, const TmplAttr *disk, const xmlNode *node)
{
	g_autofree char *queues = xml_child_attribute(node, "driver", "queues");

	if (!tmpl_attr_text(disk, "VIRTIO_BLK_QUEUES"))
		put_site(s, "FEATURES/VIRTIO_BLK_QUEUES", queues);
}

/* A CD-ROM's bus and format are the machine's; its DISCARD may be the site's for disks. */
static void read_disk(struct site *s, const TmplAttr *disk, const xmlNode *node)
{
	bool cdrom = xml_has(node, "device", "cdrom");

	for (size_t i = cdrom ? 1 : 0; i < G_N_ELEMENTS(disk_rows); i++)
		put_default(s, disk, disk_rows[i].key, node, disk_rows[i].place);
	read_limits(s, disk, node);
	read_queues(s, disk, node);
	if (!cdrom && g_str_has_prefix(tmpl_attr_text(disk, "TARGET"), "sd")) {
		g_autofree char *bus = xml_child_attribute(node, "target", "bus");

		put_site(s, "OS/SD_DISK_BUS", bus);
	}
}

static void read_disks(struct site *s, const xmlNode *devices)
{
	const xmlNode *disks = xml_child(devices, "disk");
	const xmlNode *map = oned_find(devices, "filesystem/idmap");
	const TmplAttr *disk = NULL;

	while ((disk = tmpl_set_next(s->vm->level[TMPL_VM], "DISK", disk))) {
		const char *target = tmpl_attr_text(disk, "TARGET");
		const xmlNode *node = device_of(disks, "target", "dev", target);

		if (node)
			read_disk(s, disk, node);
	}

	if (map) {
		g_autofree char *uid = oned_text(map, "uid@target");
		g_autofree char *gid = oned_text(map, "gid@target");

		put_site(s, "DISK/UID_MAP", uid);
		put_site(s, "DISK/GID_MAP", gid);
	}
}

/* One that has no address yet is known by its place. */
static void read_nics(struct site *s, const xmlNode *devices)
{
	const xmlNode *first = xml_child(devices, "interface"), *place = first;
	const TmplAttr *nic = NULL;

	while ((nic = tmpl_set_next(s->vm->level[TMPL_VM], "NIC", nic))) {
		const char *mac = tmpl_attr_text(nic, "MAC");
		const xmlNode *node = mac ? device_of(first, "mac", "address", mac) : place;

		for (size_t i = 0; node && i < G_N_ELEMENTS(nic_rows); i++)
			put_default(s, nic, nic_rows[i].key, node, nic_rows[i].place);
		place = place ? xml_next(place) : NULL;
	}
}

/* oned writes VIDEO behind what SPICE_OPTIONS has. */
static void read_video(struct site *s, const xmlNode *devices)
{
	const xmlNode *last = NULL, *driver;
	g_autofree char *type = NULL, *vram = NULL, *x = NULL, *y = NULL, *resolution = NULL;

	if (!tmpl_set_vector(s->vm->level[TMPL_VM], "VIDEO"))
		return;
	for (const xmlNode *v = xml_child(devices, "video"); v; v = xml_next(v))
		last = v;
	type = oned_text(last, "model@type");
	vram = oned_text(last, "model@vram");
	driver = xml_child(last, "driver");
	x = oned_text(last, "model/resolution@x");
	y = oned_text(last, "model/resolution@y");
	put_site(s, "VIDEO/TYPE", type);
	put_site(s, "VIDEO/IOMMU", yes_or_no(xml_has(driver, "iommu", "on")));
	put_site(s, "VIDEO/ATS", yes_or_no(xml_has(driver, "ats", "on")));
	/* Without one at any level oned writes the number that it read last (B2). */
	if (vram && g_ascii_strtoull(vram, NULL, 10) >= 1024)
		put_site(s, "VIDEO/VRAM", vram);
	if (x && y)
		resolution = g_strdup_printf("%sx%s", x, y);
	put_site(s, "VIDEO/RESOLUTION", resolution);
}

/* The children of the element at PLACE as text. */
static void put_fragment(struct site *s, const char *path, const char *place, const char *only)
{
	const xmlNode *node = oned_find(s->domain, place);
	GString *text = g_string_new(NULL);

	for (xmlNode *n = node ? xmlFirstElementChild((xmlNode *)node) : NULL; n;
	     n = xmlNextElementSibling(n)) {
		g_autofree char *one = xml_print(n);

		if (!only || xmlStrEqual(n->name, BAD_CAST only))
			g_string_append(text, one);
	}

	put_site(s, path, text->str);
	g_string_free(text, TRUE);
}

TmplSet *oned_site(const xmlNode *domain, const TmplVm *vm)
{
	struct site s = { vm, domain, tmpl_set_new("oned's XML") };
	const xmlNode *devices = xml_child(domain, "devices");

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		read_row(&s, &rows[i]);
	read_firmware(&s);
	read_command_line(&s);
	read_cpu(&s);
	read_vcpus(&s);
	read_tuning(&s);
	read_buses(&s, devices);
	read_agent(&s, devices);
	read_disks(&s, devices);
	read_nics(&s, devices);
	read_video(&s, devices);
	put_fragment(&s, "HYPERV_OPTIONS", "features/hyperv", NULL);
	put_fragment(&s, "HYPERV_TIMERS", "clock", "timer");

	return s.set;
}
