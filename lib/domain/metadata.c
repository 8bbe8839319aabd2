/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

/* docs/facts/deployment.md 2.31, 6 */

#define NS_ONE "http://opennebula.org/xmlns/libvirt/1.0"

/* Other programs look for these elements in OpenNebula's namespace. */
static void metadata_add(DomainBuild *b, xmlNode *vm, const char *name, const char *text)
{
	xmlNode *node = xmlNewChild(vm, vm->ns, BAD_CAST name, NULL);

	domain_set_text(b, node, text);
}

/* Live migration of the storage edits that line as text, and looks for "CDATA[". */
static void add_directory(DomainBuild *b, xmlNode *vm)
{
	xmlNode *node = xmlNewChild(vm, vm->ns, BAD_CAST "system_datastore", NULL);

	/* In a section a CR would be read as a line end. */
	if (strchr(b->directory, '\r'))
		domain_set_text(b, node, b->directory);
	else if (domain_check_text(b, node, b->directory))
		xmlAddChild(node, xmlNewCDataBlock(node->doc, BAD_CAST b->directory,
						   (int)strlen(b->directory)));
}

/* "vendor:device:class,…", of devices that the VM really gets. */
static char *pci_devices(const DomainBuild *b)
{
	static const char *const keys[] = { "VENDOR", "DEVICE", "CLASS" };
	GString *list = g_string_new(NULL);
	const TmplAttr *pci = NULL;

	while ((pci = tmpl_set_next(b->vm->level[TMPL_VM], "PCI", pci))) {
		if (!domain_pci_complete(pci))
			continue;
		if (list->len)
			g_string_append_c(list, ',');
		for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
			const char *text = tmpl_attr_text(pci, keys[i]);

			g_string_append_printf(list, "%s%s", i ? ":" : "", domain_or(text, ""));
		}
	}

	g_string_ascii_down(list);

	return g_string_free(list, FALSE);
}

void domain_metadata(DomainBuild *b, xmlNode *domain)
{
	static const struct { const char *name, *header; } rows[] = {
		{ "name", "NAME" }, { "uname", "UNAME" }, { "uid", "UID" }, { "gname", "GNAME" },
		{ "gid", "GID" }, { "stime", "STIME" },
	};
	xmlNode *vm = domain_element(domain_child(domain, "metadata"), "vm");
	g_autofree char *now = g_strdup_printf("%" G_GINT64_FORMAT, b->options->now);
	g_autofree char *devices = pci_devices(b);

	xmlSetNs(vm, xmlNewNs(vm, BAD_CAST NS_ONE, BAD_CAST "one"));
	add_directory(b, vm);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		metadata_add(b, vm, rows[i].name, tmpl_vm_header(b->vm, rows[i].header));
	if (b->options->one_version)
		metadata_add(b, vm, "opennebula_version", b->options->one_version);
	metadata_add(b, vm, "deployment_time", now);
	metadata_add(b, vm, "pci_devices", devices);
}
