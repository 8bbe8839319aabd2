/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/pinned_memory.h"

#include "base/number.h"
#include "base/text.h"

/* Units of libvirt, in bytes; without one it is KiB. */
static const struct {
	const char *name;
	guint64 bytes;
} units[] = {
	{ "b", 1 },          { "bytes", 1 },       { "KB", 1000 },       { "k", 1 << 10 },
	{ "KiB", 1 << 10 },  { "MB", 1000000 },    { "M", 1 << 20 },     { "MiB", 1 << 20 },
	{ "GB", 1000000000 }, { "G", 1 << 30 },    { "GiB", 1 << 30 },
	{ "TB", 1000000000000 }, { "T", G_GUINT64_CONSTANT(1) << 40 },
	{ "TiB", G_GUINT64_CONSTANT(1) << 40 },
};

/* The size that NODE holds, in MiB; 0: none that can be read. */
static guint64 mib_of(const xmlNode *node)
{
	g_autofree char *text = xml_text(node), *unit = xml_attribute(node, "unit");
	guint64 n;

	if (!text || !number_unsigned(g_strstrip(text), 0, G_MAXUINT32, &n, NULL))
		return 0;
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
		if (!g_ascii_strcasecmp(text_or(unit, "KiB"), units[i].name))
			return (n * units[i].bytes + (1 << 20) - 1) >> 20;

	return 0;
}

/* What a guest may pin at most: its memory, with what QEMU needs besides where that is limited. */
static guint64 needed_mib(const xmlNode *domain)
{
	guint64 limit = mib_of(xml_child(xml_child(domain, "memtune"), "hard_limit"));

	return MAX(limit, mib_of(xml_child(domain, "memory")));
}

/* Line "MemAvailable:  1234 kB" of /proc/meminfo. */
static bool available(guint64 *ret_mib, GError **error)
{
	g_autofree char *text = NULL;
	const char *line = NULL;

	if (g_file_get_contents("/proc/meminfo", &text, NULL, NULL))
		line = strstr(text, "\nMemAvailable:");
	if (!line)
		return vmm_fail(error, VMM_ERROR_INTERNAL, "/proc/meminfo does not say what memory "
				"is available");
	*ret_mib = g_ascii_strtoull(line + strlen("\nMemAvailable:"), NULL, 10) >> 10;

	return true;
}

bool pinned_memory_check(const struct action_ctx *ctx, const xmlNode *domain, GError **error)
{
	guint64 reserved = (guint64)conf_kvmrc_int(ctx->rc, "RESERVED_HOST_MEMORY_MB");
	guint64 needed = needed_mib(domain), free_mib = 0;

	if (!reserved)
		return true;
	if (!available(&free_mib, error))
		return false;
	if (free_mib >= needed + reserved)
		return true;
	vmm_fail(error, VMM_ERROR_NO_RESOURCE, "the guest pins %" G_GUINT64_FORMAT " MiB of the %"
		 G_GUINT64_FORMAT " MiB that are available, and %" G_GUINT64_FORMAT
		 " MiB are reserved for the host", needed, free_mib, reserved);
	vmm_error_set_hint(error, "use another host, or lower RESERVED_HOST_MEMORY_MB in kvmrc");

	return false;
}
