/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/arch_fit.h"

#include <string.h>

/* The caller frees; NULL: the domain does not say, so it is the host's. */
static char *arch_of(const xmlNode *domain)
{
	return xml_child_attribute(xml_child(domain, "os"), "type", "arch");
}

/* What a processor runs besides its own architecture. */
static bool runs_too(const char *host, const char *arch)
{
	static const struct { const char *host, *arch; } pairs[] = {
		{ "x86_64", "i686" },   { "aarch64", "armv7l" }, { "ppc64le", "ppc64" },
		{ "ppc64", "ppc64le" }, { "s390x", "s390" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++)
		if (g_str_equal(pairs[i].host, host) && g_str_equal(pairs[i].arch, arch))
			return true;

	return false;
}

bool fit_arch_is_foreign(const xmlNode *domain, const char *host)
{
	g_autofree char *arch = arch_of(domain);

	if (!arch || !host || g_str_equal(arch, host))
		return false;

	return !runs_too(host, arch);
}

/* What the host has for guests of ARCH; NULL: nothing. */
static const xmlNode *guest_arch(const xmlNode *capabilities, const char *arch)
{
	for (const xmlNode *n = xml_child(capabilities, "guest"); n; n = xml_next(n)) {
		g_autofree char *type = xml_child_text(n, "os_type");

		if (!g_strcmp0(type, "hvm") && xml_has(xml_child(n, "arch"), "name", arch))
			return xml_child(n, "arch");
	}

	return NULL;
}

static void note_change(GPtrArray *changes, const char *place, const char *value, const char *arch)
{
	g_ptr_array_add(changes, g_strdup_printf("%s = %s: OS/ARCH = %s is emulated on this host",
						 place, value, arch));
}

static void set_type(xmlNode *domain, const char *arch, GPtrArray *changes)
{
	if (xml_has(domain, "type", "qemu"))
		return;
	xmlSetProp(domain, BAD_CAST "type", BAD_CAST "qemu");
	note_change(changes, "@type", "qemu", arch);
}

/* One that is named after the architecture was chosen for it; the site's own is the host's. */
static void set_emulator(xmlNode *domain, const char *path, const char *arch, GPtrArray *changes)
{
	xmlNode *devices = xml_child(domain, "devices");
	xmlNode *emulator = xml_child(devices, "emulator");
	g_autofree char *text = xml_text(emulator);

	if (!path || (text && strstr(text, arch)))
		return;
	if (!devices)
		devices = xmlNewChild(domain, NULL, BAD_CAST "devices", NULL);
	if (emulator)
		xmlNodeSetContent(emulator, NULL);
	else
		emulator = xmlNewChild(devices, NULL, BAD_CAST "emulator", NULL);
	xmlNodeAddContent(emulator, BAD_CAST path);
	note_change(changes, "devices/emulator", path, arch);
}

/* QEMU's own default for aarch64 is a processor of 32 bits. */
static void set_model(xmlNode *domain, const char *arch, GPtrArray *changes)
{
	xmlNode *cpu = xml_child(domain, "cpu"), *model;

	if (!g_str_equal(arch, "aarch64"))
		return;
	if (!cpu)
		cpu = xmlNewChild(domain, NULL, BAD_CAST "cpu", NULL);
	xmlSetProp(cpu, BAD_CAST "mode", BAD_CAST "custom");
	model = xmlNewChild(cpu, NULL, BAD_CAST "model", BAD_CAST "cortex-a57");
	xmlNewProp(model, BAD_CAST "fallback", BAD_CAST "forbid");
	note_change(changes, "cpu/model", "cortex-a57", arch);
}

static void set_cpu(xmlNode *domain, const char *arch, GPtrArray *changes)
{
	xmlNode *cpu = xml_child(domain, "cpu");
	g_autofree char *mode = xml_attribute(cpu, "mode");
	bool of_host = !g_strcmp0(mode, "host-passthrough") || !g_strcmp0(mode, "host-model");

	if (of_host) {
		xmlSetProp(cpu, BAD_CAST "mode", BAD_CAST "maximum");
		note_change(changes, "cpu/@mode", "maximum", arch);
	} else if (!xml_child(cpu, "model") && g_strcmp0(mode, "maximum") != 0) {
		set_model(domain, arch, changes);
	}
}

bool fit_arch(xmlNode *domain, const xmlNode *capabilities, GPtrArray *changes, GError **error)
{
	g_autofree char *arch = arch_of(domain), *emulator = NULL;
	const xmlNode *guest = guest_arch(capabilities, arch);

	if (!guest) {
		vmm_fail(error, VMM_ERROR_INCOMPATIBLE, "OS/ARCH = '%s': this host has no QEMU for "
			 "that architecture", arch);
		vmm_error_set_hint(error, "install qemu-system-… of it there (host_check --only "
				   "guest-arch --arch %s), or use a host of that architecture",
				   arch);
		return false;
	}

	emulator = xml_child_text(guest, "emulator");
	set_type(domain, arch, changes);
	set_emulator(domain, emulator, arch, changes);
	set_cpu(domain, arch, changes);

	return true;
}
