/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/attach.h"

#include "base/number.h"
#include "domain/builders.h"
#include "xml/xml.h"

/*
 * OpenNebula's attach scripts do not use the generator of deploy: a device got other
 * defaults when it was attached than when its VM was deployed (B25). Here both use one
 * builder, and the DEFAULT_ATTACH_ parameters of kvmrc are a level of defaults for it.
 */
#define PREFIX "DEFAULT_ATTACH_"

/* Defaults whose place differs from the DISK key of that name. */
static const struct {
	const char *name, *vector, *key;
} places[] = {
	{ "NIC_MODEL",           "NIC",      "MODEL" },
	{ "NIC_FILTER",          "NIC",      "FILTER" },
	{ "VIRTIO_BLK_IOTHREAD", "DISK",     "IOTHREAD" },
	{ "VIRTIO_BLK_QUEUES",   "FEATURES", "VIRTIO_BLK_QUEUES" },	/* after the VM's own */
};

static TmplAttr *vector_of(TmplSet *set, const char *name)
{
	TmplAttr *vector = (TmplAttr *)tmpl_set_vector(set, name);

	if (!vector) {
		vector = tmpl_attr_new(g_strdup(name), NULL);
		g_ptr_array_add(set->attrs, vector);
	}

	return vector;
}

static void add_default(TmplSet *set, const char *name, const char *value)
{
	const char *vector = "DISK", *key = name;

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
		if (!strcmp(places[i].name, name)) {
			vector = places[i].vector;
			key = places[i].key;
		}

	/* If a key occurs twice, the first one is used. */
	g_ptr_array_insert(vector_of(set, vector)->keys, 0,
			   tmpl_attr_new(g_strdup(key), g_strdup(value)));
}

void domain_attach_defaults(TmplVm *vm, const ConfKvmrc *rc)
{
	const char *name;

	if (!vm->level[TMPL_CONF])
		tmpl_vm_set_level(vm, TMPL_CONF, tmpl_set_new("kvmrc"));
	for (size_t i = 0; (name = conf_kvmrc_name(i)); i++) {
		const char *value = conf_kvmrc_string(rc, name);

		if (value && g_str_has_prefix(name, PREFIX))
			add_default(vm->level[TMPL_CONF], name + strlen(PREFIX), value);
	}
}

typedef void build_device(DomainBuild *b, xmlNode *devices, const TmplAttr *device);

/* B starts as for a whole domain, since bus and thread depend on machine and iothreads. */
static char *device_xml(const TmplVm *vm, const TmplAttr *device, build_device *build,
			const struct domain_attach *attach, GPtrArray *warnings, GError **error)
{
	g_autoptr(xmlDoc) doc = xmlNewDoc(BAD_CAST "1.0");
	xmlNode *root = xmlNewDocNode(doc, NULL, BAD_CAST "devices", NULL);
	g_auto(DomainBuild) b = { 0 };

	xmlDocSetRootElement(doc, root);
	domain_build_init(&b, vm, &attach->options, attach, warnings);
	build(&b, root, device);

	if (domain_build_check(&b, error))
		return domain_print(xmlFirstElementChild(root));

	return NULL;
}

char *domain_disk_xml(const TmplVm *vm, const TmplAttr *disk, const struct domain_attach *attach,
		      GPtrArray *warnings, GError **error)
{
	return device_xml(vm, disk, domain_disk, attach, warnings, error);
}

char *domain_nic_xml(const TmplVm *vm, const TmplAttr *nic, const struct domain_attach *attach,
		     GPtrArray *warnings, GError **error)
{
	return device_xml(vm, nic, domain_nic, attach, warnings, error);
}

char *domain_pci_xml(const TmplVm *vm, const TmplAttr *pci, const struct domain_attach *attach,
		     GPtrArray *warnings, GError **error)
{
	return device_xml(vm, pci, domain_hostdev, attach, warnings, error);
}

static guint64 number_at(const xmlNode *node, const char *child)
{
	g_autofree char *text = xml_child_text(node, child);
	guint64 n = 0;

	if (text && number_unsigned(g_strstrip(text), 0, G_MAXINT64, &n, NULL))
		return n;

	return 0;
}

static guint64 property(const xmlNode *node, const char *name)
{
	g_autofree char *text = xml_attribute(node, name);
	guint64 n = 0;

	if (text && number_unsigned(text, 0, G_MAXINT64, &n, NULL))
		return n;

	return 0;
}

/* A module that is plugged has a slot, whatever its size. */
static guint n_modules(const xmlNode *devices)
{
	guint n = 0;

	for (xmlNode *d = xml_child(devices, "memory"); d; d = xml_next(d))
		n++;

	return n;
}

/* libvirt includes plugged modules in <memory>; all sizes are in KiB. */
static bool check_room(const xmlNode *live, guint64 mib, GError **error)
{
	const xmlNode *max = xml_child(live, "maxMemory");
	guint64 most = number_at(live, "maxMemory"), now = number_at(live, "memory");

	if (!max || !xml_child(xml_child(xml_child(live, "cpu"), "numa"), "cell")) {
		vmm_fail(error, VMM_ERROR_REFUSED, "the domain was not made for memory hot-plug");
		vmm_error_set_hint(error, "deploy it with MEMORY_MAX above MEMORY and "
				   "MEMORY_RESIZE_MODE = HOTPLUG");
		return false;
	}

	if (n_modules(xml_child(live, "devices")) >= property(max, "slots"))
		return vmm_fail(error, VMM_ERROR_REFUSED,
				"all %" G_GUINT64_FORMAT " memory slots are taken",
				property(max, "slots"));
	if (now > most || mib > (most - now) / 1024)
		return vmm_fail(error, VMM_ERROR_REFUSED, "%" G_GUINT64_FORMAT " MiB more exceed "
				"the domain's maximum of %" G_GUINT64_FORMAT " MiB", mib,
				most / 1024);

	return true;
}

/* The first cell is the one that domain_cpu() makes for modules; a VM with more has it too. */
char *domain_dimm_xml(const xmlNode *live, guint64 mib, GError **error)
{
	const xmlNode *numa = xml_child(xml_child(live, "cpu"), "numa");
	g_autoptr(xmlDoc) doc = xmlNewDoc(BAD_CAST "1.0");
	xmlNode *memory = xmlNewDocNode(doc, NULL, BAD_CAST "memory", NULL), *target, *size;
	char text[24];

	xmlDocSetRootElement(doc, memory);
	if (!check_room(live, mib, error))
		return NULL;

	xmlSetProp(memory, BAD_CAST "model", BAD_CAST "dimm");
	target = domain_element(memory, "target");
	g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, mib * 1024);
	size = xmlNewTextChild(target, NULL, BAD_CAST "size", BAD_CAST text);
	xmlSetProp(size, BAD_CAST "unit", BAD_CAST "KiB");
	g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT,
		   property(xml_child(numa, "cell"), "id"));
	xmlNewTextChild(target, NULL, BAD_CAST "node", BAD_CAST text);

	return domain_print(memory);
}
