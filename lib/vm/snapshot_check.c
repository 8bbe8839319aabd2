/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/snapshot_check.h"

#include <string.h>

#include "base/text.h"
#include "virt/virt_domain.h"
#include "vm/known_names.h"
#include "xml/xml.h"

static const char *const domains[] = { "domain", "inactiveDomain" };

/* What a walk finds in the running domain, or looks for among that. */
struct names {
	const KnownNames *known;
	const char *directory;		/* of the VM */
	char *bad;			/* the first that is not allowed; NULL: none so far */
};

static void skip_metadata(const xmlNode *node G_GNUC_UNUSED, void *data G_GNUC_UNUSED)
{
}

/* Whether PATH is an image, "DATASTORES/ID/NAME", beside the VM's DATASTORES/ID/VM. */
static bool is_image(const char *path, const char *directory)
{
	g_autofree char *store = g_path_get_dirname(directory);
	g_autofree char *stores = g_path_get_dirname(store);
	const char *name;

	if (!text_is_below(path, stores))
		return false;
	name = strchr(path + strlen(stores) + 1, '/');
	if (!name)
		return false;
	name += 1 + strspn(name + 1, "0123456789");	/* a number is another VM's directory */

	return *name && *name != '/';
}

static bool may_open(const struct names *n, const char *place, const char *path)
{
	g_autofree char *plain = g_canonicalize_filename(path, "/");

	if (*path != '/')
		return false;
	if (text_is_below(plain, n->directory))
		return true;
	if (g_str_has_prefix(place, "domain/devices/disk/"))
		return is_image(plain, n->directory);

	return text_is_below(plain, "/dev/pts");
}

/* Whether TEXT at the open PLACE does no harm, although the domain has it not there. */
static bool is_open_harmless(const struct names *n, const char *place, const char *text)
{
	switch (reach_use_of(place)) {
	case REACH_TEXT:
	case REACH_SOURCE:	/* check_node() looks at the whole address */
		return true;
	case REACH_WORD:
	case REACH_BRIDGE:	/* of a NIC that was detached since */
	case REACH_NETWORK:
	case REACH_TAP:
		return reach_is_plain(text);
	case REACH_KERNEL:
	case REACH_DATA:
		return may_open(n, place, text);
	default:
		return false;
	}
}

static bool is_harmless(const struct names *n, const char *place, const char *text)
{
	switch (reach_kind_of(place)) {
	case REACH_OPEN:
		return is_open_harmless(n, place, text);
	case REACH_CLOSED:
		return reach_is_plain(text);
	default:
		return reach_is_switch(text);
	}
}

static void check_value(const char *place, const char *value, void *data)
{
	struct names *n = data;

	if (n->bad || known_names_has(n->known, place, value))
		return;
	if (!is_harmless(n, place, value))
		n->bad = known_names_value_text(place, value);
}

/* NODE at PLACE must be the domain's. */
static void check_whole(const char *place, const xmlNode *node, struct names *n)
{
	if (!n->bad && !known_names_has_node(n->known, place, node))
		n->bad = known_names_node_text(place, node);
}

static void check_node(const char *place, const xmlNode *node, void *data)
{
	g_autofree char *address = reach_remote(node, place);

	if (address)
		check_whole(place, node, data);
}

/* Labels that libvirt makes for each guest are those of any guest. */
static bool is_made_label(const xmlNode *node)
{
	if (!xml_has(node, "type", "dynamic") || xmlFirstElementChild((xmlNode *)node))
		return false;

	return !xmlHasProp((xmlNode *)node, BAD_CAST "relabel") || xml_has(node, "relabel", "yes");
}

static void check_gate(const char *place, const xmlNode *node, enum reach_use use, void *data)
{
	if (use != REACH_SECLABEL || !is_made_label(node))
		check_whole(place, node, data);
}

static void check_foreign(const xmlNode *node, bool command G_GNUC_UNUSED, void *data)
{
	check_whole("", node, data);
}

static const struct reach_visitor checker = {
	.node = check_node, .value = check_value, .gate = check_gate, .foreign = check_foreign,
	.metadata = skip_metadata,
};

static void check_word(const char *name, const char *text, struct names *n)
{
	if (!n->bad && !reach_is_plain(text))
		n->bad = known_names_value_text(name, text);
}

/* What is beside the domains: words, but for the files of an external snapshot. */
static void check_beside(const xmlNode *node, struct names *n)
{
	bool is_source = xmlStrEqual(node->name, BAD_CAST "source");
	bool is_text = xmlStrEqual(node->name, BAD_CAST "description");
	g_autofree char *text = xmlFirstElementChild((xmlNode *)node) ? NULL : xml_text(node);

	if (is_source || node->ns) {
		reach_walk("domain/devices/disk", node, &checker, n);
		return;
	}

	if (!is_text)
		check_word((const char *)node->name, text_or(text, ""), n);
	for (xmlAttr *a = node->properties; a; a = a->next) {
		g_autofree char *value = xml_attribute(node, (const char *)a->name);
		bool is_file = xmlStrEqual(a->name, BAD_CAST "file");

		if (!is_file || !may_open(n, "", text_or(value, "")))
			check_word((const char *)a->name, text_or(value, ""), n);
	}

	for (xmlNode *c = xmlFirstElementChild((xmlNode *)node); c; c = xmlNextElementSibling(c))
		check_beside(c, n);
}

static bool is_domain(const xmlNode *node)
{
	for (size_t i = 0; i < G_N_ELEMENTS(domains); i++)
		if (xmlStrEqual(node->name, BAD_CAST domains[i]))
			return true;
	return false;
}

static void set_metadata(xmlNode *domain, const xmlNode *live)
{
	xmlNode *metadata = xml_child(live, "metadata"), *old;

	while ((old = xml_child(domain, "metadata"))) {
		xmlUnlinkNode(old);
		xmlFreeNode(old);
	}

	if (metadata)
		xmlAddChild(domain, xmlDocCopyNode(metadata, domain->doc, 1));
}

bool snapshot_check(virDomain *dom, xmlNode *root, const char *path, GError **error)
{
	/* One has what libvirt chose for the running guest, one how it would start. */
	g_autoptr(xmlDoc) live = virt_xml_doc(dom, error);
	g_autoptr(xmlDoc) inactive = NULL;
	g_autofree char *above = g_path_get_dirname(path), *bad = NULL;
	g_autofree char *directory = g_canonicalize_filename(above, "/");
	g_autoptr(KnownNames) known = known_names_new();
	struct names n = { known, directory, NULL };

	if (live)
		inactive = virt_xml_doc_of(dom, VIR_DOMAIN_XML_INACTIVE, error);
	if (!inactive)
		return false;
	known_names_add(known, xmlDocGetRootElement(live));
	known_names_add(known, xmlDocGetRootElement(inactive));

	for (xmlNode *c = xmlFirstElementChild(root); c; c = xmlNextElementSibling(c)) {
		if (!is_domain(c)) {
			check_beside(c, &n);
			continue;
		}

		set_metadata(c, xmlDocGetRootElement(live));
		known_names_walk(c, &checker, &n);
	}

	bad = n.bad;
	if (!bad)
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED,
			"snapshot %s names something that domain %s lacks: '%.200s'", path,
			virDomainGetName(dom), bad);
}
