/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

/* docs/facts/deployment.md 2.13.5 (limits) and 2.13.6 (addresses) */

#define SATA_PORTS 6
#define IDE_PLACES 4
#define SCSI_TARGETS 256
#define FIRST_HD 64		/* libvirt's schema takes two digits */
#define LETTERS 26

static const char *const directions[] = { "TOTAL", "READ", "WRITE" };

static const char *const suffixes[] = { "", "_MAX", "_MAX_LENGTH" };

/* One limit: "TOTAL_BYTES" with its base, its burst and how long that may last. */
struct limit {
	char *group;
	guint64 value[G_N_ELEMENTS(suffixes)];
	bool wanted[G_N_ELEMENTS(suffixes)];
};

/*
 * QEMU refuses a burst below its base, and a length without a burst. A site's burst may
 * meet a VM's own, higher base so: then the burst is left out, and the VM starts.
 */
static void read_limit(DomainBuild *b, const TmplAttr *disk, struct limit *l, guint64 max)
{
	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		g_autofree char *path = g_strdup_printf("DISK/%s_SEC%s", l->group, suffixes[i]);

		l->wanted[i] = domain_number(b, disk, path, TMPL_IN_ALL,
					     RANGE(0, max), &l->value[i]);
	}

	l->wanted[1] = l->wanted[1] && l->value[1] > l->value[0];
	l->wanted[2] = l->wanted[2] && l->wanted[1];
	if (l->wanted[1] && !l->value[0])
		domain_problem(b, disk, "%s_SEC_MAX needs %s_SEC", l->group, l->group);
}

static bool is_set(DomainBuild *b, const TmplAttr *disk, const char *direction, const char *unit,
		   unsigned levels)
{
	g_autofree char *base = g_strdup_printf("DISK/%s_%s_SEC", direction, unit);
	g_autofree char *max = g_strdup_printf("DISK/%s_%s_SEC_MAX", direction, unit);

	if (domain_text(b, disk, base, levels))
		return true;

	return domain_text(b, disk, max, levels);
}

/*
 * libvirt takes either total or read and write. What the disk itself says
 * comes before what lower levels say, and total before the others.
 */
static guint limits(DomainBuild *b, const TmplAttr *disk, const char *unit, guint64 max,
		    struct limit *ret)
{
	bool own = is_set(b, disk, "READ", unit, TMPL_IN_VM) ||
		   is_set(b, disk, "WRITE", unit, TMPL_IN_VM);
	unsigned levels = TMPL_IN_ALL;
	guint from = 1, to = G_N_ELEMENTS(directions);

	if (own)
		levels = TMPL_IN_VM;

	if (is_set(b, disk, "TOTAL", unit, levels)) {
		from = 0;
		to = 1;
	}

	for (guint i = from; i < to; i++) {
		ret->group = g_strdup_printf("%s_%s", directions[i], unit);
		read_limit(b, disk, ret++, max);
	}

	return to - from;
}

static void put_number(DomainBuild *b, xmlNode *iotune, const char *name, guint64 value)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);

	domain_text_element(b, iotune, lower, text);
}

/* QEMU takes the size of a request only along with a limit of requests. */
static void size_iops(DomainBuild *b, xmlNode *iotune, const TmplAttr *disk)
{
	guint64 size;
	bool iops = false;

	for (size_t i = 0; i < G_N_ELEMENTS(directions); i++) {
		g_autofree char *name = g_strdup_printf("DISK/%s_IOPS_SEC", directions[i]);

		iops = iops || domain_text(b, disk, name, TMPL_IN_ALL);
	}

	if (domain_number(b, disk, "DISK/SIZE_IOPS_SEC", TMPL_IN_ALL,
			  RANGE(0, G_MAXUINT32), &size) &&
	    iops)
		put_number(b, iotune, "SIZE_IOPS_SEC", size);
}

/* All bases, all bursts, all lengths: libxml2 finds the schema's groups in no other order. */
void domain_disk_iotune(DomainBuild *b, xmlNode *node, const TmplAttr *disk)
{
	xmlNode *iotune = domain_element(node, "iotune");
	struct limit limit[4] = { 0 };
	guint n = limits(b, disk, "BYTES", G_MAXINT64, limit);

	n += limits(b, disk, "IOPS", G_MAXUINT32, limit + n);
	for (size_t s = 0; s < G_N_ELEMENTS(suffixes); s++)
		for (guint i = 0; i < n; i++) {
			g_autofree char *name =
				g_strconcat(limit[i].group, "_SEC", suffixes[s], NULL);

			if (limit[i].wanted[s])
				put_number(b, iotune, name, limit[i].value[s]);
		}
	size_iops(b, iotune, disk);
	for (guint i = 0; i < n; i++)
		g_free(limit[i].group);
	if (!iotune->children) {
		xmlUnlinkNode(iotune);
		xmlFreeNode(iotune);
	}
}

/* a 0, z 25, aa 26, … of what follows the two letters of a device name; -1: not letters. */
static int letter_index(const char *suffix)
{
	int n = 0;

	for (const char *p = suffix; *p; p++) {
		/* A name of any length must not overflow N. */
		if (!g_ascii_islower(*p) || n > G_MAXINT16)
			return -1;

		n = n * 26 + (*p - 'a') + 1;
	}

	return n - 1;
}

static bool is_taken(const DomainBuild *b, int n)
{
	return b->places[n / 64] & (G_GUINT64_CONSTANT(1) << n % 64);
}

static void take_limits(DomainBuild *b, int n)
{
	b->places[n / 64] |= G_GUINT64_CONSTANT(1) << n % 64;
}

/* IDE and SATA have fewer places than letters: a name past the last means no place. */
void domain_disk_reserve(DomainBuild *b, const char *target)
{
	int n;

	if (strlen(target) > 2)
		n = letter_index(target + 2);
	else
		n = -1;

	if (n >= 0 && n < DOMAIN_SATA_PLACES)
		take_limits(b, n);
}

/*
 * The place that letter number N means, or else the next free one. -1: none is free, and a problem
 * was noted.
 */
static int place(DomainBuild *b, const TmplAttr *disk, int n, const char *bus, int max)
{
	for (int i = 0; i < max; i++) {
		int found = (n + i) % max;

		if (!is_taken(b, found)) {
			take_limits(b, found);
			return found;
		}
	}

	domain_problem(b, disk, "more than %d devices on %s", max, bus);

	return -1;
}

static void set_address(xmlNode *node, guint64 controller, guint64 bus, guint64 target,
			guint64 unit)
{
	xmlNode *address = domain_element(node, "address");

	xmlSetProp(address, BAD_CAST "type", BAD_CAST "drive");
	domain_set_number(address, "controller", controller);
	domain_set_number(address, "bus", bus);
	domain_set_number(address, "target", target);
	domain_set_number(address, "unit", unit);
}

/* The same order in which libvirt assigns addresses to devices that have none. */
static void sata_address(DomainBuild *b, xmlNode *node, const TmplAttr *disk, int n)
{
	n = place(b, disk, n, "SATA", DOMAIN_SATA_PLACES);
	if (n < 0)
		return;
	set_address(node, (guint64)n / SATA_PORTS, 0, 0, (guint64)n % SATA_PORTS);
	b->n_sata = MAX(b->n_sata, (guint)n / SATA_PORTS + 1);
}

static void ide_address(DomainBuild *b, xmlNode *node, const TmplAttr *disk, int n)
{
	n = place(b, disk, n, "IDE", IDE_PLACES);
	if (n >= 0)
		set_address(node, 0, (guint64)n / 2, 0, (guint64)n % 2);
}

/*
 * Only sdX has an address here: libvirt itself makes one of vdX and hdX. For SCSI the letter
 * is the target, not the unit as libvirt would choose; guests know the disk by that path. There an
 * hdX, which is one of a machine without IDE, is far from the sdX of the same letter.
 */
void domain_disk_address(DomainBuild *b, xmlNode *node, const TmplAttr *disk, const char *bus,
			 const char *target)
{
	int n;

	if (!strcmp(bus, "scsi") && g_str_has_prefix(target, "hd")) {
		n = letter_index(target + 2);
		if (n >= 0)
			set_address(node, 0, 0, FIRST_HD + (guint64)n % LETTERS, 0);
		return;
	}

	if (!g_str_has_prefix(target, "sd"))
		return;

	n = letter_index(target + 2);
	if (n < 0)
		domain_problem(b, disk, "TARGET = '%s': not sd and lower-case letters", target);
	else if (!strcmp(bus, "sata"))
		sata_address(b, node, disk, n);
	else if (!strcmp(bus, "ide"))
		ide_address(b, node, disk, n);
	else if (n < SCSI_TARGETS)
		set_address(node, 0, 0, (guint64)n, 0);
}
