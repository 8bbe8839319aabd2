/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "xml/xml.h"

/*
 * docs/facts/deployment.md 2.13, 2.14
 *
 * A disk's TARGET decides its bus, and its letter where on the bus it is: guests have
 * written these names into their configuration, so a VM must find its disks where oned's
 * generator put them.
 */

static const char *const caches[] = {
	"default", "none", "writethrough", "writeback", "directsync", "unsafe", NULL
};
static const char *const ios[] = { "threads", "native", "io_uring", NULL };
static const char *const discards[] = { "ignore", "unmap", NULL };
static const char *const formats[] = {
	"raw", "qcow2", "qed", "vmdk", "vdi", "vhd", "vpc", "qcow", "cow", "luks", "iso", "dir",
	"fat", "bochs", "cloop", "dmg", "ploop", NULL
};
static const struct domain_range orders = { 1, G_MAXINT32 };
static const struct domain_pattern_rule serial = { "_.+- ", 256, "a serial number", NULL };
static const struct domain_pattern_rule uuid = { "-", 36, "a UUID", domain_is_uuid };
static const struct domain_pattern_rule target_name = { "", 32, "a device name", NULL };

/* oned writes YES in capitals; any other word is none to it. */
static char *shareable(DomainBuild *b G_GNUC_UNUSED, const char *text,
		       const void *arg G_GNUC_UNUSED, char **reason G_GNUC_UNUSED)
{
	if (strcmp(text, "YES"))
		return NULL;
	return g_strdup("");
}

static const struct domain_rule disk_rules[] = {
	/* attribute      levels       path               convert         argument      absent */
	{ "DISK/TARGET",  TMPL_IN_VM,  "target@dev",      domain_pattern, &target_name, NULL },
	{ "DISK/LUKS_SECRET", TMPL_IN_VM, "encryption/secret@uuid", domain_pattern, &uuid, NULL },
	{ "DISK/ORDER",   TMPL_IN_VM,  "boot@order",      domain_decimal, &orders,      NULL },
	{ "DISK/SHAREABLE", TMPL_IN_VM, "shareable",      shareable,      NULL,         NULL },
	{ NULL,           0,           "driver@name",     NULL,           NULL,         "qemu" },
	{ "DISK/CACHE",   0,           "driver@cache",    domain_one_of,  caches,       "default" },
	{ "DISK/IO",      0,           "driver@io",       domain_one_of,  ios,          NULL },
};

static bool is_cdrom(const char *kind)
{
	return g_str_has_suffix(kind, "CDROM");
}

static bool has_neither_ide_nor_sata(const DomainBuild *b)
{
	static const char *const archs[] = { "ppc64", "ppc64le", "s390x", NULL };

	return g_strv_contains(archs, b->arch);
}

/* A q35 has no IDE, so its CD-ROMs are on SATA; POWER and s390x have neither. */
static const char *bus_of(const DomainBuild *b, const char *kind, const char *target)
{
	const char *fixed = "ide";

	if (b->pcie)
		fixed = "sata";
	else if (has_neither_ide_nor_sata(b))
		fixed = "scsi";

	if (is_cdrom(kind))
		return fixed;
	if (g_str_has_prefix(target, "fd"))
		return "fdc";

	switch (*target) {
	case 's':
		return b->sd_bus;
	case 'v':
		return "virtio";
	default:
		return fixed;
	}
}

/* The site's number applies to all VMs, so it may exceed what this one has; 0: not set. */
static guint64 attached_iothread(DomainBuild *b, const TmplAttr *disk)
{
	guint64 thread = 0, id = 0;

	if (domain_number(b, NULL, "DISK/IOTHREAD", TMPL_IN_SITE, RANGE(0, G_MAXINT32), &thread) &&
	    thread)
		return MIN(thread, b->iothreads);

	domain_number(b, disk, "DISK/DISK_ID", TMPL_IN_VM, RANGE(0, G_MAXINT32), &id);

	return id % b->iothreads + 1;
}

/* Disks get the threads in turn, so that no thread serves them all. */
static void set_iothread(DomainBuild *b, xmlNode *driver, const TmplAttr *disk)
{
	guint64 thread;

	if (!b->iothreads)
		return;
	if (!domain_number(b, disk, "DISK/IOTHREAD", TMPL_IN_VM, RANGE(1, b->iothreads), &thread)) {
		if (b->attach)
			thread = attached_iothread(b, disk);
		else
			thread = b->next_iothread;
		b->next_iothread = thread % b->iothreads + 1;
	}

	domain_set_number(driver, "iothread", thread);
}

/* The site's default is for disks: a CD-ROM has nothing to discard. */
static void set_discard(DomainBuild *b, xmlNode *node, const TmplAttr *disk, const char *kind)
{
	const struct domain_rule rule[] = {
		{ "DISK/DISCARD", is_cdrom(kind) ? TMPL_IN_VM : TMPL_IN_ALL, "driver@discard",
		  domain_one_of, discards, NULL },
	};

	DOMAIN_EMIT(b, node, rule, disk);
}

/*
 * A CD-ROM's image is raw whatever its DRIVER says: oned hands down the driver of the
 * datastore. Only virtio disks have queues and threads.
 */
static void set_driver(DomainBuild *b, xmlNode *driver, const TmplAttr *disk, const char *kind,
		       const char *bus)
{
	const struct domain_rule format[] = {
		{ strcmp(kind, "CDROM") ? "DISK/DRIVER" : NULL, TMPL_IN_ALL, "@type", domain_one_of,
		  formats, "raw" },
	};
	guint64 queues;

	DOMAIN_EMIT(b, driver, format, disk);
	if (strcmp(bus, "virtio"))
		return;

	set_iothread(b, driver, disk);
	if ((domain_queues(b, disk, "DISK/VIRTIO_BLK_QUEUES", TMPL_IN_VM, &queues) ||
	     domain_queues(b, NULL, "FEATURES/VIRTIO_BLK_QUEUES", TMPL_IN_ALL, &queues)) && queues)
		domain_set_number(driver, "queues", queues);
}

/* A block device on SCSI has a serial number of its own (B8). */
static void set_serial(DomainBuild *b, xmlNode *node, const TmplAttr *disk, const char *kind,
		       const char *bus)
{
	static const struct domain_rule rule[] = {
		{ "DISK/SERIAL", TMPL_IN_VM, "serial", domain_pattern, &serial, NULL },
	};
	bool scsi_block = !strcmp(kind, "BLOCK") && !strcmp(bus, "scsi");

	if (!scsi_block)
		DOMAIN_EMIT(b, node, rule, disk);
	else if (tmpl_attr_text(disk, "SERIAL"))
		domain_warn(b, "DISK %s: SERIAL is left out: a SCSI block device has its own",
			    tmpl_attr_text(disk, "DISK_ID"));
}

static void check_io(DomainBuild *b, const TmplAttr *disk, const xmlNode *driver)
{
	static const char *const direct[] = { "none", "directsync", NULL };
	g_autofree char *cache = xml_attribute(driver, "cache");

	if (!xml_has(driver, "io", "native") || !cache)
		return;

	/* QEMU's native I/O works on files that are opened with O_DIRECT, else the VM fails. */
	if (!g_strv_contains(direct, cache))
		domain_problem(b, disk, "IO = 'native' needs CACHE none or directsync, not %s",
			       cache);
}

static const char *device_of(const char *kind, const char *bus)
{
	if (is_cdrom(kind))
		return "cdrom";
	if (!strcmp(bus, "fdc"))
		return "floppy";

	return "disk";
}

static void set_read_only(DomainBuild *b, xmlNode *node, const TmplAttr *disk, const char *kind,
			  const char *bus)
{
	static const char *const without[] = { "ide", "sata", NULL };

	if (!domain_bool(b, disk, "DISK/READONLY", TMPL_IN_VM))
		return;
	domain_child(node, "readonly");
	if (!is_cdrom(kind) && g_strv_contains(without, bus))
		domain_problem(b, disk, "READONLY: libvirt has no read-only disks on bus %s; use a "
			       "TARGET vd… or sd…", bus);
}

static void block_device(DomainBuild *b, xmlNode *devices, const TmplAttr *disk, const char *kind)
{
	const char *target = tmpl_attr_text(disk, "TARGET");
	xmlNode *node = domain_element(devices, "disk");
	const char *bus;

	if (!target)
		domain_problem(b, disk, "TARGET is missing");
	if (!target)
		target = "";
	bus = bus_of(b, kind, target);
	domain_set(b, node, "device", device_of(kind, bus));
	domain_disk_source(b, node, disk, kind);
	DOMAIN_EMIT(b, node, disk_rules, disk);
	domain_boot_order(b, node, disk);

	if (bus != b->sd_bus || b->names_sd_bus || *target != 's')
		domain_put(b, node, "target@bus", bus);
	if (tmpl_attr_text(disk, "LUKS_SECRET")) {
		domain_put(b, node, "encryption@format", "luks");
		domain_put(b, node, "encryption/secret@type", "passphrase");
	}

	set_read_only(b, node, disk, kind, bus);
	set_serial(b, node, disk, kind, bus);
	set_discard(b, node, disk, kind);
	set_driver(b, domain_child(node, "driver"), disk, kind, bus);
	check_io(b, disk, domain_child(node, "driver"));
	domain_disk_iotune(b, node, disk);
	domain_disk_address(b, node, disk, bus, target);
}

/* DISK_ID is a part of the name of the disk's file: without it two disks could share one. */
void domain_disk(DomainBuild *b, xmlNode *devices, const TmplAttr *disk)
{
	const char *kind = domain_disk_kind(b, disk);
	guint64 id;

	if (!domain_number(b, disk, "DISK/DISK_ID", TMPL_IN_VM, RANGE(0, G_MAXINT32), &id))
		domain_problem(b, disk, "DISK_ID is missing");
	if (kind && !strcmp(kind, "FILESYSTEM"))
		domain_filesystem(b, devices, disk);
	else if (kind)
		block_device(b, devices, disk, kind);
}

static const struct domain_rule context_rules[] = {
	/* attribute        levels      path             convert         argument      absent */
	{ NULL,             0,          "@device",       NULL,           NULL,         "cdrom" },
	{ "CONTEXT/TARGET", TMPL_IN_VM, "target@dev",    domain_pattern, &target_name, NULL },
	{ NULL,             0,          "readonly",      NULL,           NULL,         "" },
	{ NULL,             0,          "driver@name",   NULL,           NULL,         "qemu" },
	{ NULL,             0,          "driver@type",   NULL,           NULL,         "raw" },
	{ NULL,             0,          "driver@cache",  NULL,           NULL,         "none" },
};

/* Some datastores cannot hold a file: there the context is a block device, not a CD-ROM. */
static void context(DomainBuild *b, xmlNode *devices, const TmplAttr *vector)
{
	const TmplAttr *type = tmpl_set_single(b->vm->datastore, "CONTEXT_DISK_TYPE");
	const char *kind = "CDROM";
	xmlNode *node;
	guint64 id;

	if (type && !g_ascii_strcasecmp(type->value, "BLOCK"))
		kind = "BLOCK";

	if (!tmpl_attr_text(vector, "TARGET")) {
		domain_warn(b, "CONTEXT without TARGET: the VM gets no context device");
		return;
	}

	if (!domain_number(b, vector, "CONTEXT/DISK_ID", TMPL_IN_VM, RANGE(0, G_MAXINT32), &id))
		domain_problem(b, vector, "DISK_ID is missing");
	node = domain_element(devices, "disk");
	domain_disk_source(b, node, vector, kind);
	DOMAIN_EMIT(b, node, context_rules, vector);
	domain_put(b, node, "target@bus", bus_of(b, "CDROM", ""));
	if (has_neither_ide_nor_sata(b))
		domain_disk_address(b, node, vector, "scsi", tmpl_attr_text(vector, "TARGET"));
}

static void sata_controllers(DomainBuild *b, xmlNode *devices)
{
	guint first = b->machine == DOMAIN_MACHINE_Q35 ? 1 : 0;	/* a q35 has one itself */

	for (guint i = first; i < b->n_sata; i++) {
		xmlNode *node = domain_element(devices, "controller");

		domain_set(b, node, "type", "sata");
		domain_set_number(node, "index", i);
	}
}

/* Always there: a SCSI disk can then be attached to a VM that was deployed without one. */
static void scsi_controller(DomainBuild *b, xmlNode *devices)
{
	xmlNode *node = domain_element(devices, "controller"), *driver;
	guint64 queues;

	domain_set(b, node, "type", "scsi");
	domain_set(b, node, "index", "0");
	domain_set(b, node, "model", "virtio-scsi");
	driver = domain_element(node, "driver");

	if (!domain_queues(b, NULL, "FEATURES/VIRTIO_SCSI_QUEUES", TMPL_IN_ALL, &queues))
		queues = 1;
	domain_set_number(driver, "queues", queues);
	if (b->iothreads)
		domain_set_number(driver, "iothread", b->next_iothread);
}

/* Devices without an address of ours have the place that libvirt makes of their letter. */
static void reserve(DomainBuild *b)
{
	const TmplSet *vm = b->vm->level[TMPL_VM];
	const char *context = tmpl_attr_text(tmpl_set_vector(vm, "CONTEXT"), "TARGET");
	const TmplAttr *disk = NULL;

	if (context)
		domain_disk_reserve(b, context);
	while ((disk = tmpl_set_next(vm, "DISK", disk))) {
		const char *target = tmpl_attr_text(disk, "TARGET");

		if (target && *target == 'h')
			domain_disk_reserve(b, target);
	}
}

void domain_disks(DomainBuild *b, xmlNode *devices)
{
	const TmplSet *vm = b->vm->level[TMPL_VM];
	const TmplAttr *cd = tmpl_set_vector(vm, "CONTEXT"), *disk = NULL;

	reserve(b);
	while ((disk = tmpl_set_next(vm, "DISK", disk)))
		domain_disk(b, devices, disk);
	sata_controllers(b, devices);
	if (cd)
		context(b, devices, cd);
	scsi_controller(b, devices);
}
