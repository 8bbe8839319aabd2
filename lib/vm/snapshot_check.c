/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/snapshot_check.h"

#include <string.h>

#include "base/text.h"
#include "domain/reach_places.h"
#include "virt/virt_domain.h"
#include "xml/xml.h"

static const char *const domains[] = { "domain", "inactiveDomain" };

/* What a walk finds in the running domain, or looks for among that. */
struct names {
	GHashTable *known;		/* "PLACE=TEXT", and "PLACE:" with a whole element */
	const char *directory;		/* of the VM */
	char *bad;			/* the first that is not allowed; NULL: none so far */
};

/* NODE as one text, whatever its indentation. */
static void flatten(GString *out, const xmlNode *node)
{
	const char *space = node->ns ? (const char *)node->ns->href : "";

	g_string_append_printf(out, "<%s %s", (const char *)node->name, text_or(space, ""));
	for (xmlAttr *a = node->properties; a; a = a->next) {
		g_autoptr(xmlChar) value = xmlNodeListGetString(node->doc, a->children, 1);

		g_string_append_printf(out, " %s='%s'", (const char *)a->name,
				       text_or((const char *)value, ""));
	}

	g_string_append_c(out, '>');
	for (const xmlNode *n = node->children; n; n = n->next) {
		g_autofree char *text = NULL;

		if (n->type == XML_ELEMENT_NODE) {
			flatten(out, n);
			continue;
		}

		text = g_strstrip(g_strdup(text_or((const char *)n->content, "")));
		g_string_append(out, text);
	}

	g_string_append(out, "</>");
}

static char *whole(const char *place, const xmlNode *node)
{
	GString *text = g_string_new(place);

	g_string_append_c(text, ':');
	flatten(text, node);

	return g_string_free(text, FALSE);
}

static char *valued(const char *place, const char *value)
{
	return g_strdup_printf("%s=%s", place, value);
}

static void add_value(const char *place, const char *value, void *data)
{
	g_hash_table_add(((struct names *)data)->known, valued(place, value));
}

static void add_node(const char *place, const xmlNode *node, void *data)
{
	g_autofree char *address = reach_remote(node, place);

	if (address)
		g_hash_table_add(((struct names *)data)->known, whole(place, node));
}

static void add_gate(const char *place, const xmlNode *node, enum reach_use use G_GNUC_UNUSED,
		     void *data)
{
	g_hash_table_add(((struct names *)data)->known, whole(place, node));
}

static void add_foreign(const xmlNode *node, bool command G_GNUC_UNUSED, void *data)
{
	g_hash_table_add(((struct names *)data)->known, whole("", node));
}

static void skip_metadata(const xmlNode *node G_GNUC_UNUSED, void *data G_GNUC_UNUSED)
{
}

static const struct reach_visitor adder = {
	.node = add_node, .value = add_value, .gate = add_gate, .foreign = add_foreign,
	.metadata = skip_metadata,
};

static bool is_within(const char *path, const char *directory)
{
	if (!g_str_has_prefix(path, directory))
		return false;

	return path[strlen(directory)] == '/';
}

/* Whether PATH is an image, "DATASTORES/ID/NAME", beside the VM's DATASTORES/ID/VM. */
static bool is_image(const char *path, const char *directory)
{
	g_autofree char *store = g_path_get_dirname(directory);
	g_autofree char *stores = g_path_get_dirname(store);
	const char *name = is_within(path, stores) ? strchr(path + strlen(stores) + 1, '/') : NULL;

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
	if (is_within(plain, n->directory))
		return true;
	if (g_str_has_prefix(place, "domain/devices/disk/"))
		return is_image(plain, n->directory);

	return is_within(plain, "/dev/pts");
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
	g_autofree char *key = valued(place, value);

	if (n->bad || g_hash_table_contains(n->known, key))
		return;
	if (!is_harmless(n, place, value))
		n->bad = g_steal_pointer(&key);
}

/* NODE at PLACE must be the domain's. */
static void check_whole(const char *place, const xmlNode *node, struct names *n)
{
	g_autofree char *key = whole(place, node);

	if (!n->bad && !g_hash_table_contains(n->known, key))
		n->bad = g_steal_pointer(&key);
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
		n->bad = valued(name, text);
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

/* Walks DOMAIN, whatever it is called. */
static void walk_domain(const xmlNode *domain, const struct reach_visitor *visitor,
			struct names *n)
{
	xmlNode *copy = xmlCopyNode((xmlNode *)domain, 1);

	xmlNodeSetName(copy, BAD_CAST "domain");
	reach_walk("", copy, visitor, n);
	xmlFreeNode(copy);
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
	g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct names n = { known, directory, NULL };

	if (live)
		inactive = virt_xml_doc_of(dom, VIR_DOMAIN_XML_INACTIVE, error);
	if (!inactive)
		return false;
	walk_domain(xmlDocGetRootElement(live), &adder, &n);
	walk_domain(xmlDocGetRootElement(inactive), &adder, &n);

	for (xmlNode *c = xmlFirstElementChild(root); c; c = xmlNextElementSibling(c)) {
		if (!is_domain(c)) {
			check_beside(c, &n);
			continue;
		}

		set_metadata(c, xmlDocGetRootElement(live));
		walk_domain(c, &checker, &n);
	}

	bad = n.bad;
	if (!bad)
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED,
			"snapshot %s names something that domain %s lacks: '%.200s'", path,
			virDomainGetName(dom), bad);
}
