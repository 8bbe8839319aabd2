/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"
#include "domain/builders.h"

/* docs/facts/deployment.md 2.21, 2.23 */

#define LIBVIRT_AMD DOMAIN_LIBVIRT(11, 5, 0)
#define LIBVIRT_PCI_BUS DOMAIN_LIBVIRT(11, 10, 0)
#define WIDTH_MAX 255

enum kind { SWITCH, NUMBER };

/* An older libvirt silently ignores an option that it does not know. */
static const struct {
	const char *name;
	enum kind kind;
	unsigned long since;
} options[] = {
	{ "intremap",        SWITCH, 0 },
	{ "caching_mode",    SWITCH, 0 },
	{ "eim",             SWITCH, 0 },
	{ "iotlb",           SWITCH, 0 },
	{ "aw_bits",         NUMBER, 0 },
	{ "dma_translation", SWITCH, DOMAIN_LIBVIRT(10, 7, 0) },
	{ "passthrough",     SWITCH, DOMAIN_LIBVIRT(11, 5, 0) },
	{ "xtsup",           SWITCH, DOMAIN_LIBVIRT(11, 5, 0) },
	{ "accel",           SWITCH, DOMAIN_LIBVIRT(12, 1, 0) },
	{ "ats",             SWITCH, DOMAIN_LIBVIRT(12, 1, 0) },
	{ "ril",             SWITCH, DOMAIN_LIBVIRT(12, 1, 0) },
	{ "ssidsize",        NUMBER, DOMAIN_LIBVIRT(12, 1, 0) },
	{ "cmdqv",           SWITCH, DOMAIN_LIBVIRT_NONE },
	{ "oas",             NUMBER, DOMAIN_LIBVIRT(12, 1, 0) },
};

/* libvirt's schema takes on and off only; yes and no would be an error of a later step. */
static bool fits(enum kind kind, const char *value)
{
	guint64 n;

	if (kind == NUMBER)
		return number_unsigned(value, 0, WIDTH_MAX, &n, NULL);
	if (!strcmp(value, "on"))
		return true;

	return !strcmp(value, "off");
}

/* Old words that other elements have, too, prove nothing about a libvirt's schema. */
static struct domain_gate gate_of(size_t i)
{
	static const char *const common[] = { "passthrough", "accel", "ats", NULL };

	if (!options[i].since || g_strv_contains(common, options[i].name))
		return GATE(options[i].since, NULL);

	return GATE(options[i].since, options[i].name);
}

/* OpenNebula's word for libvirt's: PASID is the number of bits that a sub-stream's id has. */
static const char *libvirts_name(const char *name)
{
	if (g_str_equal(name, "pasid"))
		return "ssidsize";

	return name;
}

static void set_option(DomainBuild *b, xmlNode *driver, const TmplAttr *iommu, const char *name,
		       const char *value)
{
	size_t i = 0;

	while (i < G_N_ELEMENTS(options) && strcmp(options[i].name, name))
		i++;
	if (i == G_N_ELEMENTS(options))
		domain_problem(b, iommu, "OPTIONS: '%s' is no option of an IOMMU", name);
	else if (!fits(options[i].kind, value))
		domain_problem(b, iommu, "OPTIONS: %s = '%s': not %s", name, value,
			       options[i].kind == NUMBER ? "a number up to 255" : "on or off");
	else if (domain_needs(b, iommu, name, gate_of(i)))
		domain_set(b, driver, name, value);
}

/* OPTIONS: blank-separated key=value. */
static void set_options(DomainBuild *b, xmlNode *driver, const TmplAttr *iommu)
{
	const char *text = tmpl_attr_text(iommu, "OPTIONS");
	g_auto(GStrv) words = g_strsplit_set(domain_or(text, ""), " \t", -1);

	for (char **w = words; *w; w++) {
		char *equals = strchr(*w, '=');

		if (!**w)
			continue;
		if (!equals) {
			domain_problem(b, iommu, "OPTIONS = '%s': not key=value …", text);
			return;
		}

		*equals = '\0';
		set_option(b, driver, iommu, libvirts_name(*w), equals + 1);
	}
}

static const TmplAttr *vector_of(const DomainBuild *b)
{
	return tmpl_set_vector(b->vm->level[TMPL_VM], "IOMMU");
}

/* NULL: the VM has no IOMMU of that MODE. */
static xmlNode *element(DomainBuild *b, xmlNode *devices, const char *mode)
{
	static const char *const models[] = { "intel", "virtio", "smmuv3", "amd", NULL };
	static const char *const modes[] = { "single", "device", NULL };
	const TmplAttr *vector = vector_of(b);
	const char *model = domain_word(b, vector, "IOMMU/MODEL", TMPL_IN_VM, models);
	const char *given = domain_word(b, vector, "IOMMU/MODE", TMPL_IN_VM, modes);
	xmlNode *node;

	if (!vector)
		return NULL;
	if (!model)
		return NULL;
	if (g_strcmp0(given, mode))
		return NULL;
	if (!b->pcie)
		domain_problem(b, vector, "needs a q35 or virt machine, not '%s'",
			       b->machine_name);
	if (!strcmp(model, "smmuv3") && strcmp(b->arch, "aarch64"))
		domain_problem(b, vector, "MODEL = 'smmuv3' needs OS/ARCH aarch64, not '%s'",
			       b->arch);
	if (!strcmp(model, "amd"))
		domain_needs(b, vector, "MODEL = 'amd'", GATE(LIBVIRT_AMD, "xtsup"));
	node = domain_element(devices, "iommu");
	domain_set(b, node, "model", model);

	return node;
}

void domain_iommu(DomainBuild *b, xmlNode *devices)
{
	xmlNode *node = element(b, devices, "single");

	if (node)
		set_options(b, domain_element(node, "driver"), vector_of(b));
}

/*
 * MODE device: each dedicated device has a bus of its own, for which the IOMMU works.
 * An older libvirt ignores pciBus, and the IOMMU would work for all devices instead.
 */
void domain_iommu_behind(DomainBuild *b, xmlNode *devices, guint64 bus)
{
	xmlNode *node = element(b, devices, "device"), *driver;

	if (!node)
		return;
	if (!domain_needs(b, vector_of(b), "MODE = 'device'", GATE(LIBVIRT_PCI_BUS, "pciBus")))
		return;

	driver = domain_element(node, "driver");
	domain_set_number(driver, "pciBus", bus);
	set_options(b, driver, vector_of(b));
}
