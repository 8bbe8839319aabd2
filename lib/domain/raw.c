/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "domain/merge.h"
#include "domain/reach.h"
#include "xml/xml.h"

/* docs/facts/deployment.md 2.30: text that is XML, from users and sites, put into our tree. */

/* People comment their RAW; libvirt drops comments, and so does the document. */
static bool is_blank_node(const xmlNode *node)
{
	if (node->type == XML_COMMENT_NODE)
		return true;
	if (node->type == XML_PI_NODE)
		return true;

	return xmlIsBlankNode(node);
}

static xmlNode *append(xmlNode *parent, xmlNode *node)
{
	xmlNode *copy = NULL;

	if (xmlDOMWrapCloneNode(NULL, node->doc, node, &copy, parent->doc, parent, 1, 0) != 0)
		g_error("out of memory");	/* the one way it fails */
	xmlAddChild(parent, copy);

	return copy;
}

static xmlDoc *raw_parse(DomainBuild *b, const char *text, const char *path)
{
	g_autoptr(GError) error = NULL;
	xmlDoc *doc = xml_parse_fragment(text, path, &error);

	if (!doc)
		domain_problem(b, NULL, "%s", error->message);

	return doc;
}

/* Whether NODE says anything of the host: a path, or where a character device is. */
static bool names_host(const xmlNode *node)
{
	if (node->type == XML_TEXT_NODE)
		return strchr((const char *)node->content, '/');
	if (node->type == XML_CDATA_SECTION_NODE)
		return strchr((const char *)node->content, '/');
	if (xmlStrEqual(node->name, BAD_CAST "source"))
		return true;

	for (const xmlAttr *a = node->properties; a; a = a->next)
		for (const xmlNode *n = a->children; n; n = n->next)
			if (names_host(n))
				return true;
	for (const xmlNode *n = node->children; n; n = n->next)
		if (!is_blank_node(n) && names_host(n))
			return true;

	return false;
}

/* "domain/features/hyperv". The caller frees. */
static char *place_of(const xmlNode *node)
{
	g_autofree char *parent = NULL;

	if (!node->parent)
		return g_strdup((const char *)node->name);
	if (node->parent->type != XML_ELEMENT_NODE)
		return g_strdup((const char *)node->name);

	parent = place_of(node->parent);

	return g_strdup_printf("%s/%s", parent, node->name);
}

/*
 * The site may write any path into its own fragment. What the VM itself says is checked
 * for all that it reaches, beside the list of elements (E4).
 */
void domain_fragment(DomainBuild *b, xmlNode *parent, const char *path, unsigned levels,
		     const char *const *allowed)
{
	const char *text = domain_text(b, NULL, path, levels);
	g_autoptr(xmlDoc) doc = NULL;
	g_autofree char *place = place_of(parent);
	struct tmpl_hit hit;
	bool own = tmpl_vm_find(b->vm, NULL, path, levels, &hit) && hit.level == TMPL_VM;

	if (text)
		doc = raw_parse(b, text, path);

	if (!doc)
		return;

	for (xmlNode *n = xmlDocGetRootElement(doc)->children; n; n = n->next) {
		if (is_blank_node(n))
			continue;
		if (own && n->type == XML_ELEMENT_NODE)
			domain_reach(b, path, place, n);
		if (n->type != XML_ELEMENT_NODE)
			domain_problem(b, NULL, "%s: text between elements", path);
		else if (allowed && !g_strv_contains(allowed, (const char *)n->name))
			domain_problem(b, NULL, "%s: <%s> is not allowed there", path, n->name);
		else if (allowed && names_host(n))
			domain_problem(b, NULL, "%s: <%s> names something of the host", path,
				       n->name);
		else
			append(parent, n);
	}
}

static void add_raw(DomainBuild *b, xmlNode *domain, const char *text, bool override, bool own)
{
	g_autoptr(xmlDoc) doc = NULL;

	if (text)
		doc = raw_parse(b, text, "RAW");

	if (!doc)
		return;

	for (xmlNode *n = xmlDocGetRootElement(doc)->children; n; n = n->next)
		if (n->type == XML_ELEMENT_NODE) {
			if (own)
				domain_reach(b, "RAW", "domain", n);
			domain_merge(b, domain, n, override);
		} else if (!is_blank_node(n)) {
			domain_problem(b, NULL, "RAW: text between elements");
		}
}

/* RAW of the site is a single or, as in a VM, a vector with DATA. */
static const char *site_raw(DomainBuild *b)
{
	const char *text = domain_text(b, NULL, "RAW", TMPL_IN_SITE);

	if (text)
		return text;

	return domain_text(b, NULL, "RAW/DATA", TMPL_IN_SITE);
}

/* OpenNebula's two words for this driver; both may use either. */
static bool is_for_kvm(const char *type)
{
	if (!g_ascii_strcasecmp(type, "kvm"))
		return true;

	return !g_ascii_strcasecmp(type, "qemu");
}

/* NULL: a RAW for another hypervisor. */
static const char *own_raw(DomainBuild *b, const TmplAttr *raw)
{
	static const char *const hypervisors[] = {
		"lxc", "LXC", "vcenter", "firecracker", "dummy", "xen", NULL
	};
	const char *type = tmpl_attr_text(raw, "TYPE");

	if (type && is_for_kvm(type))
		return tmpl_attr_text(raw, "DATA");
	if (type && g_strv_contains(hypervisors, type))
		domain_warn(b, "RAW of TYPE '%s' is left out: it is not for kvm", type);
	else
		domain_problem(b, raw, "TYPE = '%s': no hypervisor that is known",
			       domain_or(type, ""));

	return NULL;
}

/*
 * VALIDATE = no is the VM's word on its own RAW only: it switches no other check off (E5).
 * A RAW of the site is always validated: its fault is a fault of many VMs.
 */
void domain_raw(DomainBuild *b, xmlNode *domain)
{
	bool override = domain_bool(b, NULL, "RAW_OVERRIDE", TMPL_IN_SITE);
	const char *site = site_raw(b);
	const TmplAttr *raw = NULL;

	while ((raw = tmpl_set_next(b->vm->level[TMPL_VM], "RAW", raw))) {
		const char *text = own_raw(b, raw);
		bool validate = true;

		if (!text)
			continue;
		if (tmpl_attr_text(raw, "VALIDATE"))
			validate = domain_bool(b, raw, "RAW/VALIDATE", TMPL_IN_VM);
		b->validate = b->validate || validate;
		add_raw(b, domain, text, override, true);
	}

	b->validate = b->validate || site;
	add_raw(b, domain, site, override, false);
}
