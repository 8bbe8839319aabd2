/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

/*
 * docs/facts/deployment.md 2.6, 4.1: a VM's OS/BOOT has become ORDER of its disks and NICs
 * before we see it. A default of the site applies only when no device has an ORDER.
 */

static const struct {
	const char *word, *device;	/* device: libvirt's <boot dev> */
} classes[] = {
	{ "hd", "hd" }, { "network", "network" }, { "cdrom", "cdrom" }, { "fd", "fd" },
};

/* libvirt refuses a domain with both <boot dev> and <boot order>. */
static bool has_order(const DomainBuild *b)
{
	static const char *const vectors[] = { "DISK", "NIC" };
	const TmplAttr *device = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++)
		while ((device = tmpl_set_next(b->vm->level[TMPL_VM], vectors[i], device)))
			if (tmpl_attr_text(device, "ORDER"))
				return true;

	return false;
}

/* The words of the site's default, NULL when it has no effect. The caller frees. */
static char **words(DomainBuild *b)
{
	const char *text = domain_text(b, NULL, "OS/BOOT", TMPL_IN_SITE);
	char **list;

	if (!text || has_order(b))
		return NULL;

	list = g_strsplit(text, ",", -1);
	for (char **w = list; *w; w++)
		g_strstrip(*w);

	return list;
}

/* The words that OpenNebula's guides gave for OS/BOOT before there was ORDER. */
static const char *class_of(const char *word)
{
	for (size_t i = 0; i < G_N_ELEMENTS(classes); i++)
		if (!g_ascii_strcasecmp(word, classes[i].word))
			return classes[i].device;
	return NULL;
}

/* "disk3" of DISK 3, "nic0" of NIC 0. */
static bool is_device(const char *word, const TmplAttr *device)
{
	const char *kind = "disk", *key = "DISK_ID";
	g_autofree char *name = NULL;

	if (!strcmp(device->name, "NIC")) {
		kind = "nic";
		key = "NIC_ID";
	}

	name = g_strconcat(kind, domain_or(tmpl_attr_text(device, key), ""), NULL);

	return !g_ascii_strcasecmp(word, name);
}

static bool has_device(const DomainBuild *b, const char *word)
{
	static const char *const vectors[] = { "DISK", "NIC" };
	const TmplAttr *device = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++)
		while ((device = tmpl_set_next(b->vm->level[TMPL_VM], vectors[i], device)))
			if (is_device(word, device))
				return true;

	return false;
}

/* OpenNebula turns the VM's own OS/BOOT into ORDER; any other form was never evaluated. */
static void check_own(DomainBuild *b)
{
	struct tmpl_hit hit;
	g_auto(GStrv) list = NULL;

	if (has_order(b))
		return;
	if (!tmpl_vm_find(b->vm, NULL, "OS/BOOT", TMPL_IN_VM, &hit))
		return;

	list = g_strsplit(hit.text, ",", -1);
	for (char **w = list; *w; w++)
		if (!has_device(b, g_strstrip(*w)))
			domain_bad_value(b, NULL, "OS/BOOT", &hit, "no list of diskN and nicN that "
					 "the VM has");
}

/* words() is empty if oned has given an ORDER: libvirt refuses the same order for two devices. */
void domain_boot_order(DomainBuild *b, xmlNode *node, const TmplAttr *device)
{
	g_auto(GStrv) list = words(b);

	for (guint i = 0; list && list[i]; i++)
		if (is_device(list[i], device))
			domain_set_number(domain_child(node, "boot"), "order", i + 1);
}

/*
 * The number behind the word is not checked: the site's list is for VMs with few and many devices.
 */
static bool names_device(const char *word)
{
	if (!g_ascii_strncasecmp(word, "disk", 4))
		return true;

	return !g_ascii_strncasecmp(word, "nic", 3);
}

void domain_boot_devices(DomainBuild *b, xmlNode *os)
{
	g_auto(GStrv) list = words(b);
	guint n, n_classes = 0, n_devices = 0;

	check_own(b);
	if (!list)
		return;

	n = g_strv_length(list);
	for (guint i = 0; i < n; i++) {
		n_classes += class_of(list[i]) != NULL;
		n_devices += names_device(list[i]);
	}

	/* libvirt takes no mixture. */
	if (n_classes != n && n_devices != n)
		domain_problem(b, NULL, "OS/BOOT: neither a list of diskN and nicN, nor one of hd, "
			       "network, cdrom and fd");
	for (guint i = 0; n_classes == n && i < n; i++)
		domain_set(b, domain_element(os, "boot"), "dev", class_of(list[i]));
}
