/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/merge.h"

#include "xml/xml.h"

/*
 * The key that identifies one element of a list: "@name" is an attribute, "/target@dev" an
 * attribute of a child; "+" joins several keys. "" marks elements that may be repeated.
 */
static const struct list {
	const char *place;	/* of the element */
	const char *key;
} lists[] = {
	{ "domain/seclabel",			"" },
	{ "domain/sysinfo",			"" },
	{ "domain/metadata/*",			"" },
	{ "domain/clock/timer",			"@name" },
	{ "domain/os/firmware/feature",		"@name" },
	{ "domain/os/boot",			"@dev" },
	{ "domain/os/initarg",			"" },
	{ "domain/os/initenv",			"@name" },
	{ "domain/os/acpi/table",		"" },
	{ "domain/cpu/feature",			"@name" },
	{ "domain/cpu/numa/cell",		"@id" },
	{ "domain/cpu/cache",			"@level" },
	{ "domain/cputune/vcpupin",		"@vcpu" },
	{ "domain/cputune/iothreadpin",		"@iothread" },
	{ "domain/cputune/vcpusched",		"" },
	{ "domain/cputune/iothreadsched",	"" },
	{ "domain/cputune/cachetune",		"" },
	{ "domain/cputune/memorytune",		"" },
	{ "domain/numatune/memnode",		"@cellid" },
	{ "domain/blkiotune/device",		"/path" },
	{ "domain/memoryBacking/hugepages/page", "@size" },
	{ "domain/iothreadids/iothread",	"@id" },
	{ "domain/vcpus/vcpu",			"@id" },
	{ "domain/perf/event",			"@name" },
	/* Devices of which there can be one, or one of each kind. */
	{ "domain/devices/emulator",		NULL },
	{ "domain/devices/memballoon",		NULL },
	{ "domain/devices/watchdog",		NULL },
	{ "domain/devices/tpm",			NULL },
	{ "domain/devices/iommu",		NULL },
	{ "domain/devices/vsock",		NULL },
	{ "domain/devices/nvram",		NULL },
	{ "domain/devices/graphics",		"@type" },
	{ "domain/devices/graphics/channel",	"@name" },
	{ "domain/devices/graphics/listen",	"" },
	{ "domain/devices/controller",		"@type+index" },
	{ "domain/devices/channel",		"/target@name" },
	{ "domain/devices/disk",		"/target@dev" },
	{ "domain/devices/*",			"" },
};

/* What a VM's owner writes instead. */
static const struct {
	const char *place, *way_out;
} ways_out[] = {
	{ "domain/os/firmware*",	"OS/FIRMWARE_SECURE" },
	{ "domain/os/type*",		"OS/ARCH and OS/MACHINE" },
	{ "domain/os@firmware",		"OS/FIRMWARE" },
	{ "domain/os/loader*",		"OS/FIRMWARE" },
	{ "domain/os/nvram*",		"OS/FIRMWARE" },
	{ "domain/os/boot*",		"OS/BOOT" },
	{ "domain/os/*",		"OS" },
	{ "domain/cpu/topology*",	"TOPOLOGY" },
	{ "domain/cpu/numa*",		"NUMA_NODE and TOPOLOGY" },
	{ "domain/cputune/shares*",	"CPU" },
	{ "domain/cputune*",		"NUMA_NODE and TOPOLOGY/PIN_POLICY" },
	{ "domain/cpu*",		"CPU_MODEL and TOPOLOGY" },
	{ "domain/numatune*",		"NUMA_NODE" },
	{ "domain/clock/timer*",	"HYPERV_TIMERS" },
	{ "domain/clock*",		"FEATURES/LOCALTIME" },
	{ "domain/features/hyperv*",	"HYPERV_OPTIONS" },
	{ "domain/features*",		"FEATURES" },
	{ "domain/memoryBacking*",	"TOPOLOGY/HUGEPAGE_SIZE and TOPOLOGY/MEMORY_ACCESS" },
	{ "domain/memory*",		"MEMORY" },
	{ "domain/currentMemory*",	"MEMORY" },
	{ "domain/maxMemory*",		"MEMORY_MAX" },
	{ "domain/vcpu*",		"VCPU and VCPU_MAX" },
	{ "domain/uuid",		"OS/UUID" },
	{ "domain/name",		"NAME" },
	{ "domain/title",		"NAME" },
	{ "domain/launchSecurity*",	"MEMORY_ENCRYPTION" },
	{ "domain/devices/emulator",	"EMULATOR" },
	{ "domain/devices/graphics*",	"GRAPHICS" },
	{ "domain/devices/memballoon*",	"MEMBALLOON" },
	{ "domain/devices/watchdog*",	"WATCHDOG" },
	{ "domain/devices/tpm*",	"TPM" },
	{ "domain/devices/iommu*",	"IOMMU" },
	{ "domain/devices/disk*",	"another target, or DISK" },
};

/* Elements of ours that give way: a RAW that has one of its own knows more about it than we do. */
static const char *const weaker[] = {
	"domain/devices/controller*", "domain/devices/channel*",
};

/* Elements that libvirt knows. */
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

struct merge {
	DomainBuild *b;
	bool override;
};

/* Nobody has checked a RAW: the schema is asked for at creation only, if at all. */
static bool is_known(const xmlNode *node, const char *const *names)
{
	if (node->ns)
		return xmlStrEqual(node->ns->href, BAD_CAST TMPL_XML_NS_QEMU);
	return g_strv_contains(names, (const char *)node->name);
}

static xmlNode *append(xmlNode *parent, const xmlNode *node)
{
	xmlNode *copy = NULL;

	if (xmlDOMWrapCloneNode(NULL, node->doc, (xmlNode *)node, &copy, parent->doc, parent, 1,
				0) != 0)
		g_error("out of memory");	/* the one way it fails */
	xmlAddChild(parent, copy);

	return copy;
}

/* The star of a pattern matches a slash too, but a row is for one depth of the tree. */
static bool is_as_deep(const char *pattern, const char *place)
{
	for (; *pattern || *place; pattern++, place++) {
		pattern = strchr(pattern, '/');
		place = strchr(place, '/');
		if (!pattern || !place)
			return !pattern && !place;
	}

	return true;
}

static const struct list *list_of(const char *place)
{
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		if (is_as_deep(lists[i].place, place) &&
		    g_pattern_match_simple(lists[i].place, place))
			return &lists[i];

	return NULL;
}

static const char *way_out(const char *place)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ways_out); i++)
		if (g_pattern_match_simple(ways_out[i].place, place))
			return ways_out[i].way_out;
	return "";
}

static bool is_weaker(const char *place)
{
	for (size_t i = 0; i < G_N_ELEMENTS(weaker); i++)
		if (g_pattern_match_simple(weaker[i], place))
			return true;
	return false;
}

/* A controller without an index is the next one, but the root of a bus. */
static char *index_of(const xmlNode *controller)
{
	g_autofree char *index = xml_attribute(controller, "index");
	g_autofree char *model = xml_attribute(controller, "model");

	if (index)
		return g_steal_pointer(&index);
	if (model && g_str_has_suffix(model, "-root"))
		return g_strdup("0");

	return NULL;
}

/* What KEY of a list says of NODE; NULL: nothing, so that it is like no other. The caller frees. */
static char *key_of(const xmlNode *node, const char *key)
{
	g_auto(GStrv) part = g_strsplit(key, "@", 2);
	const xmlNode *at = node;

	if (*part[0])
		at = xml_child(node, part[0] + 1);

	if (part[1] && !strcmp(part[1], "type+index")) {
		g_autofree char *type = xml_attribute(node, "type");
		g_autofree char *index = index_of(node);

		if (index)
			return g_strdup_printf("%s %s", domain_or(type, ""), index);
		return NULL;
	}

	if (part[1])
		return xml_attribute(at, part[1]);

	return xml_text(at);
}

/* The child of OURS that describes the same thing as NODE, which would be at PLACE; NULL: none. */
static xmlNode *counterpart(const xmlNode *ours, const xmlNode *node, const char *place)
{
	const struct list *list;
	g_autofree char *key = NULL;

	/* libvirt's own elements have no namespace: one that has is never about the same. */
	if (node->ns)
		return NULL;

	list = list_of(place);
	if (!list)
		return xml_child(ours, (const char *)node->name);
	if (!list->key)
		return xml_child(ours, (const char *)node->name);
	if (!*list->key)
		return NULL;

	key = key_of(node, list->key);
	if (!key)
		return NULL;

	for (xmlNode *n = xml_child(ours, (const char *)node->name); n; n = xml_next(n)) {
		g_autofree char *same = key_of(n, list->key);

		if (!g_strcmp0(same, key))
			return n;
	}

	return NULL;
}

/* "<os firmware>" of "domain/os@firmware". The caller frees. */
static char *name_of(const char *place)
{
	g_auto(GStrv) part = g_strsplit(place, "@", 2);
	const char *slash = strrchr(part[0], '/'), *element = part[0];

	if (slash)
		element = slash + 1;
	if (!part[1])
		return g_strdup_printf("<%s>", element);

	return g_strdup_printf("<%s %s>", element, part[1]);
}

/* Whether THEIRS replaces OURS: two values for PLACE. */
static bool prevails(struct merge *m, const char *place, const char *ours, const char *theirs)
{
	bool clock = !strcmp(place, "domain/clock@offset");
	g_autofree char *name = name_of(place);
	const char *instead = way_out(place), *hint = " of the site";

	if (*instead)
		hint = " of the site, or say it by ";

	if (m->override || is_weaker(place)) {
		domain_warn(m->b, "RAW: %s is '%s' as RAW says, not '%s'", name, theirs, ours);
		return true;
	}

	/* As libvirt does; and oned's own Windows profile says utc to go with LOCALTIME. */
	if (clock)
		domain_warn(m->b, "RAW: %s stays '%s' as FEATURES/LOCALTIME says, not '%s'", name,
			    ours, theirs);
	else
		domain_problem(m->b, NULL, "RAW: %s is there already, see RAW_OVERRIDE%s%s: it is "
			       "'%.100s', RAW says '%.100s'", name, hint, instead, ours, theirs);

	return false;
}

/* Each node that RAW adds is kept: domain_validate() says which one the schema does not allow. */
static void merge_attribute(struct merge *m, xmlNode *ours, const xmlAttr *a, const char *place)
{
	const char *name = (const char *)a->name;
	g_autofree char *at = g_strdup_printf("%s@%s", place, name);
	g_autofree char *old = xml_attribute(ours, name);
	g_autoptr(xmlChar) value = xmlNodeListGetString(a->doc, a->children, 1);
	const char *text = "";

	if (value)
		text = (const char *)value;

	if (!old)
		g_ptr_array_add(m->b->raw, xmlNewProp(ours, a->name, BAD_CAST text));
	else if (strcmp(old, text) != 0 && prevails(m, at, old, text))
		xmlSetProp(ours, a->name, BAD_CAST text);
}

/* The text of an element that has no others in it. */
static void merge_text(struct merge *m, xmlNode *ours, const xmlNode *node, const char *place)
{
	g_autofree char *old = g_strstrip(xml_text(ours));
	g_autofree char *text = g_strstrip(xml_text(node));
	bool elements = xmlFirstElementChild(ours) || xmlFirstElementChild((xmlNode *)node);

	if (elements)
		return;
	if (!*text)
		return;
	if (!strcmp(old, text))
		return;
	if (!*old || prevails(m, place, old, text)) {
		xmlNodeSetContent(ours, NULL);
		xmlNodeAddContent(ours, BAD_CAST text);
		g_ptr_array_add(m->b->raw, ours);
	}
}

static void merge_node(struct merge *m, xmlNode *parent, const xmlNode *node, const char *where);

/* libvirt 9.0 itself joins a second <clock>, <os> or <cputune> with the first. */
static void join(struct merge *m, xmlNode *ours, const xmlNode *node, const char *place)
{
	for (const xmlAttr *a = node->properties; a; a = a->next)
		merge_attribute(m, ours, a, place);
	merge_text(m, ours, node, place);
	for (xmlNode *n = xmlFirstElementChild((xmlNode *)node); n; n = xmlNextElementSibling(n))
		merge_node(m, ours, n, place);
}

/*
 * NODE goes below PARENT, which is at WHERE. A disk is never joined: half of it would
 * be the image that OpenNebula gave the VM, and half another.
 */
static void merge_node(struct merge *m, xmlNode *parent, const xmlNode *node, const char *where)
{
	g_autofree char *place = g_strdup_printf("%s/%s", where, node->name);
	xmlNode *ours = counterpart(parent, node, place);

	if (!strcmp(where, "domain/devices") && !is_known(node, known_devices))
		domain_problem(m->b, NULL, "RAW: <%s> is no device", node->name);
	else if (!ours)
		g_ptr_array_add(m->b->raw, append(parent, node));
	else if (!strcmp(place, "domain/devices/disk"))
		domain_problem(m->b, NULL, "RAW: <disk>: its target is that of a DISK of the VM: "
			       "give it another");
	else
		join(m, ours, node, place);
}

void domain_merge(DomainBuild *b, xmlNode *domain, const xmlNode *node, bool override)
{
	struct merge m = { b, override };

	if (!is_known(node, known_elements))
		domain_problem(b, NULL, "RAW: <%s> is no element of a domain", node->name);
	else
		merge_node(&m, domain, node, "domain");
}
