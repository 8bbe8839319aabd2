/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "xml/xml.h"

#define DEFAULT_EMULATOR "/usr/bin/qemu-kvm-one"

static const struct domain_rule emulator_rules[] = {
	/* attribute  levels path        convert argument absent */
	{ "EMULATOR", 0,     "emulator", NULL,   NULL,    DEFAULT_EMULATOR },
};

/* A site uses the driver's name "qemu" for hosts without KVM, which emulate. */
static const char *type_of(DomainBuild *b)
{
	const char *type;

	if (b->options->type)
		type = b->options->type;
	else
		type = tmpl_vm_history(b->vm, "VM_MAD");

	if (g_strcmp0(type, "qemu"))
		return "kvm";

	return "qemu";
}

/* libvirt runs this program: a VM's own template may name it only as it may name a script. */
static void check_emulator(DomainBuild *b)
{
	struct tmpl_hit hit;

	if (tmpl_vm_find(b->vm, NULL, "EMULATOR", TMPL_IN_ALL, &hit) && hit.level == TMPL_VM &&
	    strcmp(hit.text, DEFAULT_EMULATOR) != 0)
		domain_may_use(b, NULL, "EMULATOR", hit.text, DOMAIN_PATH_SCRIPT);
}

static void devices(DomainBuild *b, xmlNode *parent)
{
	xmlNode *node = domain_element(parent, "devices");
	const TmplAttr *nic = NULL;

	check_emulator(b);
	DOMAIN_EMIT(b, node, emulator_rules, NULL);
	domain_disks(b, node);

	while ((nic = tmpl_set_next(b->vm->level[TMPL_VM], "NIC", nic)))
		domain_nic(b, node, nic);
	domain_graphics(b, node);
	domain_hostdevs(b, node);
	domain_controllers(b, node);
	domain_tpm(b, node);
	domain_channels(b, node);
	domain_optional_devices(b, node);
}

/*
 * RAW comes after everything that it may contradict. The metadata come after RAW, which must not
 * write them.
 */
static void domain(DomainBuild *b, xmlNode *root)
{
	xmlNewNs(root, BAD_CAST TMPL_XML_NS_QEMU, BAD_CAST "qemu");
	domain_set(b, root, "type", type_of(b));
	domain_identity(b, root);
	domain_tuning(b, root);
	domain_memory(b, root);
	domain_backing(b, root);
	domain_os(b, root);
	domain_cpu(b, root);
	domain_features(b, root);
	devices(b, root);
	domain_encryption(b, root);
	domain_raw(b, root);
	domain_check_sharing(b, root);
	domain_libvirt_rules(b, root);
	domain_metadata(b, root);
}

xmlDoc *domain_document(DomainBuild *b)
{
	xmlDoc *doc = xmlNewDoc(BAD_CAST "1.0");
	xmlNode *root = xmlNewDocNode(doc, NULL, BAD_CAST "domain", NULL);

	xmlDocSetRootElement(doc, root);
	domain(b, root);

	return doc;
}

char *domain_xml(const TmplVm *vm, const struct domain_options *options, GPtrArray *warnings,
		 GError **error)
{
	g_autoptr(xmlDoc) doc = NULL;
	g_auto(DomainBuild) b = { 0 };

	domain_build_init(&b, vm, options, NULL, warnings);
	doc = domain_document(&b);
	domain_validate(&b, xmlDocGetRootElement(doc));
	if (domain_build_check(&b, error))
		return domain_print(xmlDocGetRootElement(doc));

	return NULL;
}

char *domain_xml_unchecked(const TmplVm *vm, const struct domain_options *options)
{
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(xmlDoc) doc = NULL;
	g_auto(DomainBuild) b = { 0 };

	domain_build_init(&b, vm, options, NULL, warnings);
	doc = domain_document(&b);

	return domain_print(xmlDocGetRootElement(doc));
}

GPtrArray *domain_check(const TmplVm *vm, const struct domain_options *options,
			GPtrArray *warnings)
{
	struct domain_options with = *options;
	g_autoptr(xmlDoc) doc = NULL;
	g_auto(DomainBuild) b = { 0 };

	with.validate = true;
	domain_build_init(&b, vm, &with, NULL, warnings);
	doc = domain_document(&b);
	domain_validate(&b, xmlDocGetRootElement(doc));

	return g_steal_pointer(&b.problems);
}
