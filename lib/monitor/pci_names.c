/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/pci_names.h"

#include <string.h>

#include "base/text.h"
#include "facts/facts_parts.h"

static const char *const places[] = { "/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids",
				      "/usr/share/pci.ids" };

/* Lines of the file: "10de  NVIDIA", "\t1db4  GV100", "C 03  Display", "\t02  3D". */
struct pci_names {
	char **lines;
};

PciNames *pci_names_new(const char *root)
{
	PciNames *n = g_new0(PciNames, 1);
	g_autofree char *text = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(places) && !text; i++)
		text = facts_text(root, places[i]);
	n->lines = g_strsplit(text_or(text, ""), "\n", -1);

	return n;
}

void pci_names_free(PciNames *n)
{
	if (!n)
		return;

	g_strfreev(n->lines);
	g_free(n);
}

/* The line from AT on that begins with PREFIX; one that LEVEL does not hold ends the search. */
static char **line_with(char **at, const char *prefix, const char *level)
{
	for (; *at; at++) {
		bool is_comment = !**at || **at == '#';

		if (g_str_has_prefix(*at, prefix))
			return at;
		if (!is_comment && !g_str_has_prefix(*at, level))
			return NULL;
	}

	return NULL;
}

static char *name_in(char **line, const char *prefix, const char *instead)
{
	if (!line)
		return g_strdup(instead);

	return g_strstrip(g_strdup(*line + strlen(prefix)));
}

char *pci_names_vendor(const PciNames *n, const char *vendor)
{
	g_autofree char *prefix = g_strconcat(vendor, " ", NULL);

	return name_in(line_with(n->lines, prefix, ""), prefix, "Vendor");
}

char *pci_names_device(const PciNames *n, const char *vendor, const char *device)
{
	g_autofree char *outer = g_strconcat(vendor, " ", NULL);
	g_autofree char *inner = g_strconcat("\t", device, " ", NULL);
	char **of_vendor = line_with(n->lines, outer, "");
	char **line = of_vendor ? line_with(of_vendor + 1, inner, "\t") : NULL;

	return name_in(line, inner, "Device");
}

/* A class without a name has that of what it is a kind of. */
char *pci_names_class(const PciNames *n, const char *class)
{
	g_autofree char *outer = g_strdup_printf("C %.2s ", class);
	g_autofree char *inner = g_strdup_printf("\t%s ", class + 2);
	char **of_class = line_with(n->lines, outer, "");
	char **line = of_class ? line_with(of_class + 1, inner, "\t") : NULL;

	if (line)
		return name_in(line, inner, "Class");

	return name_in(of_class, outer, "Class");
}
