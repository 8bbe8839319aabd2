/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

/* docs/facts/deployment.md 2.6, 2.7 */

#define LIBVIRT_NVRAM_FORMAT DOMAIN_LIBVIRT(9, 2, 0)

static const struct domain_pattern_rule arch = { "_", 32, "an architecture", NULL };
static const struct domain_pattern_rule machine = { "_.-", 64, "a machine type", NULL };

static const struct domain_rule rules[] = {
	/* attribute     levels path            convert         argument  absent */
	{ "OS/ARCH",     0,     "type@arch",    domain_pattern, &arch,    NULL },
	{ "OS/MACHINE",  0,     "type@machine", domain_pattern, &machine, NULL },
	{ NULL,          0,     "type",         NULL,           NULL,     "hvm" },
	{ "OS/KERNEL",   0,     "kernel",       NULL,           NULL,     NULL },
};

/* Without a kernel these mean nothing. */
static const char *const kernel_only[] = { "OS/INITRD", "OS/ROOT", "OS/KERNEL_CMD" };

/* Only what the VM itself says: a kernel of the site is the administrator's choice (E6). */
static void check_path(DomainBuild *b, const char *path)
{
	struct tmpl_hit hit;

	if (tmpl_vm_find(b->vm, NULL, path, TMPL_IN_ALL, &hit) && hit.level == TMPL_VM)
		domain_may_use(b, NULL, path, hit.text, DOMAIN_PATH_KERNEL);
}

/*
 * An empty KERNEL_CMD of the VM takes the site's default away, hence TMPL_EMPTY_COUNTS.
 * OpenNebula's ROOT is the name of a device, such as "vda1".
 */
static void kernel(DomainBuild *b, xmlNode *os)
{
	const char *initrd = domain_text(b, NULL, "OS/INITRD", TMPL_IN_ALL);
	const char *root = domain_text(b, NULL, "OS/ROOT", TMPL_IN_ALL);
	const char *command =
		domain_text(b, NULL, "OS/KERNEL_CMD", TMPL_IN_ALL | TMPL_EMPTY_COUNTS);
	g_autofree char *line = NULL;

	check_path(b, "OS/KERNEL");
	check_path(b, "OS/INITRD");

	if (initrd)
		domain_text_element(b, os, "initrd", initrd);
	if (!command)
		command = "";
	if (root)
		line = g_strdup_printf("root=/dev/%s%s%s", root, *command ? " " : "", command);
	else
		line = g_strdup(command);
	if (*line)
		domain_text_element(b, os, "cmdline", line);
}

/* A default of the site for VMs with a kernel is no reason to warn of each VM without one. */
static void no_kernel(DomainBuild *b)
{
	if (domain_text(b, NULL, "OS/BOOTLOADER", TMPL_IN_ALL))
		domain_problem(b, NULL,
			       "OS/BOOTLOADER is not supported: KVM has no boot loader program");
	for (size_t i = 0; i < G_N_ELEMENTS(kernel_only); i++)
		if (domain_text(b, NULL, kernel_only[i], TMPL_IN_VM))
			domain_warn(b, "%s is ignored: there is no OS/KERNEL", kernel_only[i]);
}

/* OpenNebula lists the firmware files of a host in OVMF_UEFIS, with blanks between. */
static bool in_list(const char *list, const char *word)
{
	g_auto(GStrv) words = g_strsplit_set(domain_or(list, ""), " \t\n", -1);

	return g_strv_contains((const char *const *)words, word);
}

/*
 * A path is what OpenNebula's older templates say. Its variables are a file of our own, which
 * deploy makes of OVMF_NVRAM: libvirt knows no template for a loader outside its list.
 */
static void explicit_firmware(DomainBuild *b, xmlNode *os, const struct tmpl_hit *hit, bool secure)
{
	static const char *const formats[] = { "raw", "qcow2", NULL };
	const char *format = domain_word(b, NULL, "OS/FIRMWARE_FORMAT", TMPL_IN_ALL, formats);

	/* Not by the VM's name, which may change: then its variables were gone. */
	g_autofree char *path = g_strdup_printf("%s/one-%s_VARS.fd", b->directory, b->id);
	xmlNode *node;

	if (!in_list(domain_text(b, NULL, "OVMF_UEFIS", TMPL_IN_SITE), hit->text))
		domain_bad_value(b, NULL, "OS/FIRMWARE", hit,
				 "not BIOS, UEFI or a path that OVMF_UEFIS lists");
	node = domain_text_element(b, os, "loader", hit->text);
	domain_set(b, node, "readonly", "yes");
	domain_set(b, node, "type", "pflash");
	domain_set(b, node, "secure", secure ? "yes" : "no");

	if (g_str_has_suffix(hit->text, ".qcow2") &&
	    domain_needs(b, NULL, "OS/FIRMWARE in a qcow2 file",
			 GATE(LIBVIRT_NVRAM_FORMAT, NULL)))
		domain_set(b, node, "format", "qcow2");
	node = domain_text_element(b, os, "nvram", path);
	if (g_strcmp0(format, "qcow2"))
		return;
	if (b->options->libvirt >= LIBVIRT_NVRAM_FORMAT)
		domain_set(b, node, "format", "qcow2");
	else
		domain_warn(b, "OS/FIRMWARE_FORMAT: libvirt before 9.2 keeps UEFI variables raw");
}

static void add_feature(DomainBuild *b, xmlNode *firmware, const char *name, bool enabled)
{
	xmlNode *feature = domain_element(firmware, "feature");

	domain_set(b, feature, "name", name);
	domain_set(b, feature, "enabled", enabled ? "yes" : "no");
}

/* Without keys in its variables a firmware that could check signatures checks none. */
static void automatic_firmware(DomainBuild *b, xmlNode *os, bool secure)
{
	xmlNode *firmware = domain_element(os, "firmware");

	domain_set(b, os, "firmware", "efi");
	add_feature(b, firmware, "secure-boot", secure);
	if (secure)
		add_feature(b, firmware, "enrolled-keys", true);
}

static void no_suspend(DomainBuild *b, xmlNode *domain)
{
	domain_put(b, domain, "pm/suspend-to-disk@enabled", "no");
	domain_put(b, domain, "pm/suspend-to-mem@enabled", "no");
}

void domain_os(DomainBuild *b, xmlNode *domain)
{
	bool secure = domain_bool(b, NULL, "OS/FIRMWARE_SECURE", TMPL_IN_ALL);
	xmlNode *os = domain_element(domain, "os");
	struct tmpl_hit firmware;

	if (!*b->arch)
		domain_problem(b, NULL, "OS/ARCH is missing in VM, host, cluster and defaults");
	DOMAIN_EMIT(b, os, rules, NULL);
	domain_boot_devices(b, os);

	if (domain_text(b, NULL, "OS/KERNEL", TMPL_IN_ALL))
		kernel(b, os);
	else
		no_kernel(b);
	if (!tmpl_vm_find(b->vm, NULL, "OS/FIRMWARE", TMPL_IN_ALL, &firmware))
		return;
	if (!g_ascii_strcasecmp(firmware.text, "BIOS"))
		return;
	if (secure && b->machine == DOMAIN_MACHINE_PC)
		domain_problem(b, NULL, "OS/FIRMWARE_SECURE needs a q35 machine, not '%s'",
			       b->machine_name);
	if (!g_ascii_strcasecmp(firmware.text, "UEFI"))
		automatic_firmware(b, os, secure);
	else
		explicit_firmware(b, os, &firmware, secure);
	if (strcmp(b->arch, "aarch64"))
		no_suspend(b, domain);
}
