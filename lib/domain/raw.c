#include "domain/families.h"

#include "tmpl/xml.h"

/* deployment.md 2.30: text that is XML, from users and sites, put into our tree. */

enum merge {
	MERGE_NEW,	/* a second one is a problem */
	MERGE_CHILDREN,	/* its children join those of ours */
	MERGE_AGAIN,	/* may be there several times */
};

/* Elements of <domain> that are not MERGE_NEW; and all others that libvirt knows. */
static const struct {
	const char *name;
	enum merge merge;
} elements[] = {
	{ "devices",  MERGE_CHILDREN },
	{ "features", MERGE_CHILDREN },
	{ "metadata", MERGE_CHILDREN },
	{ "seclabel", MERGE_AGAIN },
	{ "sysinfo",  MERGE_AGAIN },
};

static const char *const known_elements[] = {
	"genid", "title", "description", "uuid", "name", "vcpu", "vcpus", "iothreads",
	"iothreadids", "defaultiothread", "memory", "maxMemory", "currentMemory",
	"memoryBacking", "memtune", "blkiotune", "cputune", "numatune", "resource", "os",
	"bootloader", "bootloader_args", "idmap", "cpu", "clock", "on_poweroff", "on_reboot",
	"on_crash", "on_lockfailure", "pm", "perf", "launchSecurity", "keywrap",
	"throttlegroups", "devices", "features", "metadata", "seclabel", "sysinfo", NULL
};

static const char *const known_devices[] = {
	"audio", "channel", "console", "controller", "crypto", "disk", "emulator", "filesystem",
	"graphics", "hostdev", "hub", "input", "interface", "iommu", "lease", "memballoon",
	"memory", "nvram", "panic", "parallel", "pstore", "redirdev", "redirfilter", "rng",
	"serial", "shmem", "smartcard", "sound", "tpm", "video", "vsock", "watchdog", NULL
};

static bool is_blank_node(const xmlNode *node)
{
	return node->type == XML_COMMENT_NODE || node->type == XML_PI_NODE || xmlIsBlankNode(node);
}

/* Takes NODE out of the document for good; it may be one of an earlier RAW. */
static void drop(DomainBuild *b, xmlNode *node)
{
	g_ptr_array_remove(b->raw, node);
	xmlUnlinkNode(node);
	xmlFreeNode(node);
}

static xmlNode *append(xmlNode *parent, xmlNode *node)
{
	xmlNode *copy = NULL;

	if (xmlDOMWrapCloneNode(NULL, node->doc, node, &copy, parent->doc, parent, 1, 0) != 0)
		g_error("out of memory");	/* the one way it fails */
	xmlAddChild(parent, copy);
	return copy;
}

static xmlDoc *parse(DomainBuild *b, const char *text, const char *path)
{
	g_autoptr(GError) error = NULL;
	xmlDoc *doc = tmpl_xml_parse_fragment(text, path, &error);

	if (!doc)
		domain_problem(b, NULL, "%s", error->message);
	return doc;
}

/* Whether NODE says anything of the host: a path, or where a character device is. */
static bool names_host(const xmlNode *node)
{
	if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE)
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

void domain_fragment(DomainBuild *b, xmlNode *parent, const char *path, unsigned levels,
		     const char *const *allowed)
{
	const char *text = domain_text(b, NULL, path, levels);
	g_autoptr(xmlDoc) doc = text ? parse(b, text, path) : NULL;

	for (xmlNode *n = doc ? xmlDocGetRootElement(doc)->children : NULL; n; n = n->next) {
		if (is_blank_node(n))
			continue;
		if (n->type != XML_ELEMENT_NODE)
			domain_problem(b, NULL, "%s: text between elements", path);
		else if (allowed && !g_strv_contains(allowed, (const char *)n->name))
			domain_problem(b, NULL, "%s: <%s> may not stand there", path, n->name);
		else if (allowed && names_host(n))
			domain_problem(b, NULL, "%s: <%s> names something of the host", path,
				       n->name);
		else
			append(parent, n);
	}
}

/* Nobody has checked a RAW: the schema is asked for at creation only, if at all. */
static bool is_known(const xmlNode *node, const char *const *names)
{
	if (node->ns)
		return xmlStrEqual(node->ns->href, BAD_CAST TMPL_XML_NS_QEMU);
	return g_strv_contains(names, (const char *)node->name);
}

static enum merge merge_of(const xmlNode *node)
{
	if (node->ns)
		return MERGE_AGAIN;
	for (size_t i = 0; i < G_N_ELEMENTS(elements); i++)
		if (xmlStrEqual(node->name, BAD_CAST elements[i].name))
			return elements[i].merge;
	return MERGE_NEW;
}

/* Puts NODE of a RAW below PARENT, and notes that it came from there. */
static void add_node(DomainBuild *b, xmlNode *parent, xmlNode *node)
{
	g_ptr_array_add(b->raw, append(parent, node));
}

/* Joins the children of NODE, an element of a RAW, to those of OURS. */
static void merge_children(DomainBuild *b, xmlNode *ours, xmlNode *node, bool override)
{
	bool single = xmlStrEqual(ours->name, BAD_CAST "features");
	bool device = xmlStrEqual(ours->name, BAD_CAST "devices");

	for (xmlNode *n = xmlFirstElementChild(node); n; n = xmlNextElementSibling(n)) {
		xmlNode *same = single ? tmpl_xml_child(ours, (const char *)n->name) : NULL;

		if (device && !is_known(n, known_devices)) {
			domain_problem(b, NULL, "RAW: <%s> is no device", n->name);
			continue;
		}
		if (same && !override) {
			domain_problem(b, NULL, "RAW: <%s> is there already", n->name);
			continue;
		}
		if (same)
			drop(b, same);
		add_node(b, ours, n);
	}
}

static void merge(DomainBuild *b, xmlNode *domain, xmlNode *node, bool override)
{
	enum merge how = merge_of(node);
	xmlNode *ours =
		how == MERGE_AGAIN ? NULL : tmpl_xml_child(domain, (const char *)node->name);

	if (!is_known(node, known_elements)) {
		domain_problem(b, NULL, "RAW: <%s> is no element of a domain", node->name);
	} else if (ours && how == MERGE_CHILDREN) {
		merge_children(b, ours, node, override);
	} else if (ours && !override) {
		domain_problem(b, NULL, "RAW: <%s> is there already, see RAW_OVERRIDE", node->name);
	} else {
		add_node(b, domain, node);
		if (ours)
			drop(b, ours);
	}
}

static bool has_value(const xmlNode *node, const char *name, const char *const *values)
{
	g_autofree char *text = tmpl_xml_attribute(node, name);

	return text && g_strv_contains(values, text);
}

/* A device that is the host's own, whatever path it has. */
static bool is_host_device(const xmlNode *node)
{
	static const char *const interfaces[] = { "direct", "hostdev", "vdpa", NULL };
	static const char *const disks[] = { "volume", "nvme", "vhostvdpa", NULL };

	if (xmlStrEqual(node->name, BAD_CAST "hostdev"))
		return true;
	if (xmlStrEqual(node->name, BAD_CAST "interface"))
		return has_value(node, "type", interfaces);
	return xmlStrEqual(node->name, BAD_CAST "disk") && has_value(node, "type", disks);
}

static void check_value(DomainBuild *b, const xmlNode *node, const char *value)
{
	static const char *const harmless[] = { "/dev/urandom", "/dev/random", NULL };
	g_autofree char *text = g_strstrip(g_strdup(value ? value : ""));

	if (*text == '/' && !g_strv_contains(harmless, text)) {
		g_autofree char *what = g_strdup_printf("RAW: <%s>", node->name);

		domain_may_use(b, NULL, what, text, DOMAIN_PATH_DATA);
	}
}

/* What NODE of a VM's own RAW would give the guest of its host. */
static void check_host(DomainBuild *b, const xmlNode *node)
{
	const struct domain_policy *policy = domain_policy(b);

	if (node->ns && xmlStrEqual(node->ns->href, BAD_CAST TMPL_XML_NS_QEMU)) {
		if (!policy->qemu_commandline)
			domain_not_allowed(b, "RAW: <qemu:…>", "domain.qemu_commandline");
		return;
	}
	if (xmlStrEqual(node->name, BAD_CAST "seclabel") && !policy->seclabel)
		domain_not_allowed(b, "RAW: <seclabel>", "domain.seclabel");
	if (is_host_device(node) && !policy->host_devices)
		domain_not_allowed(b, "RAW: a device of the host", "domain.host_devices");
	for (xmlAttr *a = node->properties; a; a = a->next) {
		g_autoptr(xmlChar) value = xmlNodeListGetString(node->doc, a->children, 1);

		check_value(b, node, (const char *)value);
	}
	for (xmlNode *n = node->children; n; n = n->next)
		if (n->type == XML_ELEMENT_NODE)
			check_host(b, n);
		else if (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE)
			check_value(b, node, (const char *)n->content);
}

static void add_raw(DomainBuild *b, xmlNode *domain, const char *text, bool override, bool own)
{
	g_autoptr(xmlDoc) doc = text ? parse(b, text, "RAW") : NULL;

	for (xmlNode *n = doc ? xmlDocGetRootElement(doc)->children : NULL; n; n = n->next)
		if (n->type == XML_ELEMENT_NODE) {
			if (own)
				check_host(b, n);
			merge(b, domain, n, override);
		} else if (!is_blank_node(n)) {
			domain_problem(b, NULL, "RAW: text between elements");
		}
}

/* RAW of the site is a single or, as in a VM, a vector with DATA. */
static const char *site_raw(DomainBuild *b)
{
	const char *text = domain_text(b, NULL, "RAW", TMPL_IN_SITE);

	return text ? text : domain_text(b, NULL, "RAW/DATA", TMPL_IN_SITE);
}

/* NULL: a RAW for another hypervisor. */
static const char *own_raw(DomainBuild *b, const TmplAttr *raw)
{
	static const char *const hypervisors[] = {
		"lxc", "LXC", "vcenter", "firecracker", "dummy", "xen", NULL
	};
	const char *type = tmpl_attr_text(raw, "TYPE");

	if (type && (!g_ascii_strcasecmp(type, "kvm") || !g_ascii_strcasecmp(type, "qemu")))
		return tmpl_attr_text(raw, "DATA");
	if (type && g_strv_contains(hypervisors, type))
		domain_warn(b, "RAW of TYPE '%s' is left out: it is not for kvm", type);
	else
		domain_problem(b, raw, "TYPE = '%s': no hypervisor that is known",
			       type ? type : "");
	return NULL;
}

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
