/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/wild.h"

#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "xml/xml.h"

gint64 wild_vm_id(const char *name)
{
	guint64 id;

	if (!g_str_has_prefix(name, "one-") ||
	    !number_unsigned(name + strlen("one-"), 0, G_MAXINT32, &id, NULL))
		return -1;
	return (gint64)id;
}

char *wild_quote(const char *text)
{
	GString *out = g_string_new("\"");

	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, g_ascii_iscntrl(*text) ? ' ' : *text);
	}

	g_string_append_c(out, '"');

	return g_string_free(out, FALSE);
}

static void add(GString *out, const char *key, const char *value, bool quoted)
{
	g_autofree char *text = value && quoted ? wild_quote(value) : g_strdup(value);

	if (text)
		g_string_append_printf(out, "%s=%s\n", key, text);
}

static void add_features(GString *out, const xmlNode *features)
{
	static const char *const names[] = { "acpi", "apic", "pae" };
	const char *separator = "FEATURES=[";

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *upper = g_ascii_strup(names[i], -1);

		if (!xml_child(features, names[i]))
			continue;
		g_string_append_printf(out, "%s  %s=\"yes\"", separator, upper);
		separator = ", ";
	}

	if (*separator == ',')
		g_string_append(out, "]\n");
}

static void add_graphics(GString *out, const xmlNode *devices, const char *wanted)
{
	for (xmlNode *n = xml_child(devices, "graphics"); n; n = xml_next(n)) {
		g_autofree char *port = xml_attribute(n, "port");
		g_autofree char *quoted = wild_quote(text_or(port, ""));

		if (!xml_has(n, "type", wanted))
			continue;
		g_string_append_printf(out, "GRAPHICS = [ TYPE=\"%s\", PORT=%s ]\n", wanted,
				       quoted);
		return;
	}
}

char *wild_template(const char *xml, const char *key)
{
	g_autoptr(xmlDoc) doc = xml_parse(xml, strlen(xml), "domain", NULL);
	xmlNode *domain = doc ? xmlDocGetRootElement(doc) : NULL;
	g_autofree char *name = xml_child_text(domain, "name");
	g_autofree char *uuid = xml_child_text(domain, "uuid");
	g_autofree char *vcpu = xml_child_text(domain, "vcpu");
	g_autofree char *memory = xml_child_text(domain, "memory");
	xmlNode *os = xml_child(domain, "os");
	g_autofree char *arch = xml_child_attribute(os, "type", "arch");
	g_autofree char *quoted = wild_quote(text_or(arch, ""));
	GString *out;

	if (!domain)
		return NULL;
	out = g_string_new(NULL);
	add(out, "NAME", name, true);
	add(out, "CPU", vcpu, false);
	add(out, "VCPU", vcpu, false);
	g_string_append_printf(out, "MEMORY=%" G_GUINT64_FORMAT "\nHYPERVISOR=\"kvm\"\n",
			       memory ? g_ascii_strtoull(memory, NULL, 10) / 1024 : 0);
	add(out, key, uuid, true);
	g_string_append_printf(out, "OS=[ARCH=%s]\n", quoted);
	add_features(out, xml_child(domain, "features"));
	add_graphics(out, xml_child(domain, "devices"), "spice");
	add_graphics(out, xml_child(domain, "devices"), "vnc");

	return g_string_free(out, FALSE);
}
