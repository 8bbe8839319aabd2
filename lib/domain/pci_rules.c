/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "base/number.h"
#include "xml/xml.h"

/*
 * What libvirt makes of PCI controllers that are right by its schema: those of our own fit, RAW's
 * may not. Source: docs/facts/libvirt.md O; measured with libvirt 9.0.
 */

/* The next PCI controller of a domain, from CONTROLLER on, which may be NULL. */
static const xmlNode *next_pci(const xmlNode *controller)
{
	while (controller && !xml_has(controller, "type", "pci"))
		controller = xml_next(controller);

	return controller;
}

static const xmlNode *first_pci(const xmlNode *domain)
{
	return next_pci(xml_child(xml_child(domain, "devices"), "controller"));
}

/* Its index as the XML has it; false: it has none. */
static bool index_of(const xmlNode *controller, guint64 *ret)
{
	g_autofree char *text = xml_attribute(controller, "index");

	return text && number_unsigned(text, 0, G_MAXUINT16, ret, NULL);
}

static bool is_root(const char *model)
{
	return g_str_equal(model, "pci-root") || g_str_equal(model, "pcie-root");
}

static bool is_of_pcie(const char *model)
{
	return g_str_has_prefix(model, "pcie-") || g_str_equal(model, "dmi-to-pci-bridge");
}

/* MODEL is that of a controller with INDEX. */
static void check_model(DomainBuild *b, const char *model, guint64 index)
{
	const char *root = b->pcie ? "pcie-root" : "pci-root";

	if (!index && !g_str_equal(model, root))
		domain_problem(b, NULL, "RAW: the PCI controller with index 0 is '%s' on this "
			       "machine, not '%s'", root, model);
	else if (index && is_root(model))
		domain_problem(b, NULL, "RAW: the PCI controller '%s' has index 0, not %u", model,
			       (unsigned)index);
	else if (!b->pcie && is_of_pcie(model))
		domain_problem(b, NULL, "RAW: the PCI controller '%s' needs PCI Express, "
			       "OS/MACHINE = q35", model);
	else if (b->pcie && g_str_equal(model, "pci-expander-bus"))
		domain_problem(b, NULL, "RAW: the PCI controller '%s' needs OS/MACHINE = pc",
			       model);
}

/* The indexes that the XML itself gives; the caller unrefs. */
static GHashTable *given_indexes(DomainBuild *b, const xmlNode *domain)
{
	GHashTable *given = g_hash_table_new(NULL, NULL);
	guint64 index;

	for (const xmlNode *n = first_pci(domain); n; n = next_pci(xml_next(n)))
		if (index_of(n, &index) && !g_hash_table_add(given, GUINT_TO_POINTER(index)))
			domain_problem(b, NULL, "RAW: two PCI controllers have index %u",
				       (unsigned)index);

	return given;
}

/* The lowest index that is not in TAKEN, which then has it. */
static guint64 lowest_free(GHashTable *taken)
{
	guint64 index = 0;

	while (!g_hash_table_add(taken, GUINT_TO_POINTER(index)))
		index++;

	return index;
}

/* As libvirt does: those without an index get the lowest ones that are free. */
void domain_pci_rules(DomainBuild *b, const xmlNode *domain)
{
	g_autoptr(GHashTable) taken = given_indexes(b, domain);

	for (const xmlNode *n = first_pci(domain); n; n = next_pci(xml_next(n))) {
		g_autofree char *model = xml_attribute(n, "model");
		guint64 index;

		if (!index_of(n, &index))
			index = lowest_free(taken);
		if (model)
			check_model(b, model, index);
		else
			domain_problem(b, NULL, "RAW: the PCI controller with index %u has no "
				       "model", (unsigned)index);
	}
}
