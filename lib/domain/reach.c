/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/reach.h"

#include "domain/builders.h"
#include "xml/xml.h"

/* deployment.md 5.1 (E4, E5): of RAW and its like. libvirtd looks for a relative path in "/". */

#define NS_OURS "urn:vmmexec"
#define NS_ONE "http://opennebula.org/"

/* What the schema allows at a place. */
enum kind {
	UNKNOWN,
	EMPTY,		/* an element without text */
	CLOSED,		/* one of some words, a number, a UUID: nothing of the host fits in */
	PATH,		/* a file, device or address */
	OPEN		/* any text */
};

static const struct place {
	const char *name;
	enum kind kind;
} places[] = {
#include "domain/places.def"
};

/* What a value at an open place does, and so what allows it. */
enum use {
	FORBIDDEN,	/* not reviewed yet */
	TEXT,		/* read by the guest, or compared */
	WORD,		/* a name within the domain: harmless unless it is a path */
	KERNEL,		/* a file that the guest boots */
	SCRIPT,		/* a program that runs on the host */
	DATA,		/* a file, directory, socket or device file */
	BRIDGE,		/* of the host */
	NETWORK,	/* of libvirt */
	POOL,		/* of libvirt */
	TAP,		/* the name of the host's end of a NIC */
	DEVICE,		/* of the host */
	SECLABEL,
	COMMAND,	/* as strong as an argument for QEMU */
	SOURCE		/* a part of an address: remote() looks at the whole */
};

/* The first row that matches is used; "*" matches any text. */
static const struct {
	const char *place;
	enum use use;
} uses[] = {
	{ "*/seclabel*",			SECLABEL },
	{ "*/alias@name",			WORD },
	{ "*/boot@loadparm",			WORD },
	{ "*/log@file",				DATA },
	{ "*@tty",				DATA },
	{ "*/rom@file",				DATA },
	{ "*/teaming@persistent",		WORD },
	{ "*/backenddomain@name",		DEVICE },
	/* disks and what looks like one */
	{ "*/auth@username",			WORD },
	{ "*/secret@usage",			TEXT },
	{ "*/encryption/*",			WORD },
	{ "*/cookies/*",			TEXT },
	{ "*/identity@*",			WORD },
	{ "*/iqn@name",				TEXT },
	{ "*/config@file",			DATA },
	{ "*/reservations/source@path",		DATA },
	{ "*/source/host@name",			WORD },
	{ "*/source/host@socket",		DATA },
	{ "*/source/snapshot@name",		WORD },
	{ "*/source@pool",			POOL },
	{ "*/source@volume",			WORD },
	{ "*/source@query",			TEXT },
	{ "*/source@tlsHostname",		WORD },
	{ "*/source@fdgroup",			WORD },
	{ "*/mirror@file",			DATA },
	{ "domain/devices/disk/driver@name",	WORD },
	{ "domain/devices/disk/iotune/group_name", WORD },
	{ "domain/devices/disk/product",	TEXT },
	{ "domain/devices/disk/vendor",		TEXT },
	{ "domain/devices/disk/serial",		TEXT },
	{ "domain/devices/disk*/source@name",	SOURCE },
	{ "domain/os/nvram/source@name",	SOURCE },
	/* interfaces */
	{ "*/interface/script@path",		SCRIPT },
	{ "*/interface/downscript@path",	SCRIPT },
	{ "*/interface/backend@*",		DATA },
	{ "*/interface/filterref*",		TEXT },
	{ "*/interface/guest@*",		DEVICE },
	{ "*/interface/portForward@dev",	DEVICE },
	{ "*/interface/model@type",		WORD },
	{ "*/interface/source@bridge",		BRIDGE },
	{ "*/interface/source@network",		NETWORK },
	{ "*/interface/source@portgroup*",	WORD },
	{ "*/interface/source@dev",		DEVICE },
	{ "*/interface/source@name",		DEVICE },
	{ "*/interface/target@dev",		TAP },
	{ "*/interface/virtualport/*",		WORD },
	/* devices of the host, which a gate below stops as a whole */
	{ "*/hostdev/source/adapter*",		WORD },
	{ "*/hostdev/source/block",		DATA },
	{ "*/hostdev/source/char",		DATA },
	{ "*/hostdev/source/interface",		DEVICE },
	{ "*/hostdev/source@name",		SOURCE },
	{ "*/lease/*",				DEVICE },
	{ "*/smartcard/certificate",		DEVICE },
	{ "*/smartcard/database",		DATA },
	{ "*/shmem@name",			DEVICE },
	{ "*/shmem/server@path",		DATA },
	/* other devices */
	{ "domain/devices/emulator",		SCRIPT },
	{ "*/filesystem/binary@path",		SCRIPT },
	{ "*/filesystem/source@name",		DEVICE },
	{ "*/filesystem/target@dir",		TEXT },
	{ "*/audio@path",			DATA },
	{ "*/audio*@serverName",		DEVICE },
	{ "*/audio*@dev",			DEVICE },
	{ "*/audio*",				WORD },
	{ "*/graphics@passwd",			TEXT },
	{ "*/graphics@address",			COMMAND },	/* D-Bus: unixexec:path=… */
	{ "*/graphics@display",			DEVICE },
	{ "*/graphics@xauth",			DATA },
	{ "*/graphics@keymap",			WORD },		/* QEMU opens a path, too */
	{ "*/graphics@listen",			WORD },
	{ "*/graphics/listen@address",		WORD },
	{ "*/graphics/listen@network",		NETWORK },
	{ "*/graphics*@socket",			DATA },
	{ "*@rendernode",			DATA },
	{ "*/input/source@*",			DATA },
	{ "*/memory/source/path",		DATA },
	{ "*/rng/backend",			DATA },
	{ "*/tpm/backend/*@path",		DATA },
	{ "*/target@address",			WORD },
	{ "*/target@name",			WORD },
	{ "*/target@port",			WORD },
	/* sources of disks, file systems and character devices */
	{ "*/source@channel",			WORD },
	{ "*/source@mode",			WORD },
	{ "*/source@host",			SOURCE },
	{ "*/source@service",			SOURCE },
	{ "*/source@master",			DATA },
	{ "*/source@slave",			DATA },
	{ "*/source@path",			DATA },
	{ "*/source@file",			DATA },
	{ "*/source@dev",			DATA },
	{ "*/source@dir",			DATA },
	{ "*/source@socket",			DATA },
	/* beside the devices */
	{ "domain/name",			WORD },
	{ "domain/title",			TEXT },
	{ "domain/description",			TEXT },
	{ "domain/bootloader",			SCRIPT },
	{ "domain/bootloader_args",		TEXT },
	{ "domain/blkiotune/device/path",	DATA },
	{ "domain/clock@timezone",		WORD },
	{ "domain/cpu/*",			WORD },
	{ "domain/cputune/cachetune@id",	WORD },
	{ "domain/features/hyperv/vendor_id@value", TEXT },
	{ "domain/launchSecurity/*",		TEXT },
	{ "domain/os/kernel",			KERNEL },
	{ "domain/os/initrd",			KERNEL },
	{ "domain/os/dtb",			KERNEL },
	{ "domain/os/cmdline",			TEXT },
	{ "domain/os/acpi/table",		DATA },
	{ "domain/os/loader",			DATA },
	{ "domain/os/nvram*",			DATA },
	{ "domain/os/init",			SCRIPT },
	{ "domain/os/initdir",			DATA },
	{ "domain/os/init*",			TEXT },
	{ "domain/os/root",			DATA },
	{ "domain/os/type@machine",		WORD },
	{ "domain/resource/partition",		DATA },
	{ "domain/resource/fibrechannel@appid",	WORD },
	{ "domain/sysinfo/entry@file",		DATA },
	{ "domain/sysinfo/*",			TEXT },
};

/* What needs a key though the schema closes it: "ATTRIBUTE=WORD WORD…"; NULL: the element. */
static const struct {
	const char *place, *attribute;
	const char *words;
	enum use use;
} gates[] = {
	{ "domain/seclabel",		NULL,	   NULL,		SECLABEL },
	{ "*/seclabel",			NULL,	   NULL,		SECLABEL },
	{ "domain/devices/hostdev",	NULL,	   NULL,		DEVICE },
	{ "domain/devices/lease",	NULL,	   NULL,		DEVICE },
	{ "domain/devices/shmem",	NULL,	   NULL,		DEVICE },
	{ "domain/devices/interface",	"type",	   "direct hostdev vdpa vds", DEVICE },
	{ "*/interface/target",		"managed", "no",		DEVICE },
	{ "domain/devices/disk",	"type",	   "nvme vhostvdpa",	DEVICE },
	{ "domain/devices/disk",	"rawio",   "yes",		DEVICE },
	{ "domain/devices/disk",	"sgio",	   "unfiltered",	DEVICE },
	{ "domain/devices/smartcard",	"mode",	   "host host-certificates", DEVICE },
	{ "domain/devices/tpm/backend",	"type",	   "passthrough",	DEVICE },
	{ "domain/devices/graphics",	"type",	   "sdl desktop",	DEVICE },
	{ "domain/devices/audio",	"type",
	  "alsa coreaudio dbus jack oss pulseaudio sdl", DEVICE },
};

/* What libvirt may add to its schema without harm: a switch. */
static const char *const switches[] = {
	"yes", "no", "on", "off", "true", "false", "auto", "none", "default", NULL
};

static bool has_word(const char *words, const char *word)
{
	g_auto(GStrv) list = g_strsplit(words, " ", -1);

	return g_strv_contains((const char *const *)list, word);
}

static int compare_rows(const void *name, const void *row)
{
	return strcmp(name, ((const struct place *)row)->name);
}

static enum kind kind_of(const char *place)
{
	const struct place *p =
		bsearch(place, places, G_N_ELEMENTS(places), sizeof places[0], compare_rows);

	if (p)
		return p->kind;

	return UNKNOWN;
}

/* What no row names is refused: libvirt's schema grows, and a new place may reach the host. */
static enum use use_of(const char *place)
{
	for (size_t i = 0; i < G_N_ELEMENTS(uses); i++)
		if (g_pattern_match_simple(uses[i].place, place))
			return uses[i].use;
	return FORBIDDEN;
}

/* QEMU and libvirt take a word with '/' or ".." for a path in more places than they say. */
static bool is_plain(const char *text)
{
	if (strchr(text, '/'))
		return false;
	return !strstr(text, "..");
}

/* "domain/os/loader@type" as an XPath: "WHAT: /domain/os/loader/@type". The caller frees. */
static char *name_of(const char *what, const char *place)
{
	g_auto(GStrv) part = g_strsplit(place, "@", 2);

	if (!part[1])
		return g_strdup_printf("%s: /%s", what, part[0]);

	return g_strdup_printf("%s: /%s/@%s", what, part[0], part[1]);
}

/* The use of these cannot be limited to some paths or names: all are allowed, or none. */
static void need(DomainBuild *b, const char *name, enum use use)
{
	const struct domain_policy *p = domain_builder_policy(b);

	if (use == DEVICE && !p->host_devices)
		domain_not_allowed(b, name, "domain.host_devices");
	else if (use == SECLABEL && !p->seclabel)
		domain_not_allowed(b, name, "domain.seclabel");
	else if (use == COMMAND && !p->qemu_commandline)
		domain_not_allowed(b, name, "domain.qemu_commandline");
}

/* Both random devices are what every guest may read: libvirt's own examples name them. */
static void check_path(DomainBuild *b, const char *name, const char *text, enum use use)
{
	static const char *const harmless[] = { "/dev/urandom", "/dev/random", NULL };
	enum domain_path path = DOMAIN_PATH_DATA;

	if (use == KERNEL)
		path = DOMAIN_PATH_KERNEL;
	else if (use == SCRIPT)
		path = DOMAIN_PATH_SCRIPT;
	if (use != DATA || !g_strv_contains(harmless, text))
		domain_may_use(b, NULL, name, text, path);
}

static void check_known(DomainBuild *b, const char *name, const char *text, enum use use)
{
	switch (use) {
	case TEXT:
	case SOURCE:
		break;
	case WORD:
		if (!is_plain(text))
			domain_problem(b, NULL, "%s = '%.200s': a name is expected, not a path",
				       name, text);
		break;
	case KERNEL:
	case SCRIPT:
	case DATA:
		check_path(b, name, text, use);
		break;
	case BRIDGE:
		domain_may_name(b, name, text, DOMAIN_NAME_BRIDGE);
		break;
	case NETWORK:
		domain_may_name(b, name, text, DOMAIN_NAME_NETWORK);
		break;
	case POOL:
		domain_may_name(b, name, text, DOMAIN_NAME_POOL);
		break;
	case TAP:
		domain_may_name(b, name, text, DOMAIN_NAME_TAP);
		break;
	case DEVICE:
	case SECLABEL:
	case COMMAND:
		need(b, name, use);
		break;
	case FORBIDDEN:
		domain_problem(b, NULL, "%s: a VM may not set it; the RAW of host, cluster or "
			       "defaults file may", name);
	}
}

/* A number or a switch names nothing of the host, whatever libvirt makes of it later. */
static bool is_switch(const char *text)
{
	if (strspn(text, "0123456789") == strlen(text))
		return true;
	return g_strv_contains(switches, text);
}

/* Checks VALUE, found at PLACE. */
static void check_value(DomainBuild *b, const char *what, const char *place, const char *value)
{
	g_autofree char *text = g_strstrip(g_strdup(domain_or(value, "")));
	g_autofree char *name = name_of(what, place);

	switch (kind_of(place)) {
	case PATH:
	case OPEN:
		check_known(b, name, text, use_of(place));
		break;
	case CLOSED:
		/* The document need not follow the schema: libvirt checks it only when asked to. */
		if (!is_plain(text))
			domain_problem(b, NULL, "%s = '%.200s': a word or number is expected, not "
				       "a path", name, text);
		break;
	case UNKNOWN:
	case EMPTY:
		if (!is_switch(text))
			domain_problem(b, NULL, "%s = '%.200s': not known, and so not allowed; the "
				       "RAW of host, cluster or defaults file may say it", name,
				       text);
	}
}

/* What NODE, at PLACE, is as a whole. */
static void check_gates(DomainBuild *b, const char *what, const char *place, const xmlNode *node)
{
	for (size_t i = 0; i < G_N_ELEMENTS(gates); i++) {
		const char *attribute = gates[i].attribute;
		g_autofree char *value = NULL;
		g_autofree char *name = NULL;

		if (attribute)
			value = xml_attribute(node, attribute);

		if (!g_pattern_match_simple(gates[i].place, place))
			continue;
		if (attribute && (!value || !has_word(gates[i].words, value)))
			continue;

		name = name_of(what, place);
		need(b, name, gates[i].use);
	}
}

/* Whether a source at PLACE has the name of a disk's image. */
static bool names_image(const char *place)
{
	g_autofree char *at = g_strconcat(place, "@name", NULL);

	return use_of(at) == SOURCE;
}

/*
 * QEMU itself sends the packets of an interface of these types, from the host and
 * past its bridges and security groups: "tcp/HOST:PORT", "user/:". The caller frees.
 */
static char *remote_interface(const xmlNode *node)
{
	static const char far_interfaces[] = "server client mcast udp user";
	const xmlNode *source = xml_child(node, "source");
	g_autofree char *type = xml_attribute(node, "type");
	g_autofree char *host = xml_attribute(source, "address");
	g_autofree char *port = xml_attribute(source, "port");

	if (!type || !has_word(far_interfaces, type))
		return NULL;

	return g_strdup_printf("%s/%s:%s", type, domain_or(host, ""), domain_or(port, ""));
}

/* The image of a disk has a protocol and a name, a character device a host and a service. */
static char *remote_source(const xmlNode *node, const char *place)
{
	g_autofree char *type = xml_attribute(node->parent, "type");
	g_autofree char *protocol = xml_attribute(node, "protocol");
	g_autofree char *name = xml_attribute(node, "name");
	g_autofree char *host = xml_attribute(node, "host");
	g_autofree char *port = xml_attribute(node, "service");
	bool image = name && names_image(place);

	if (protocol || image)
		return g_strdup_printf("%s/%s", domain_or(protocol, ""), domain_or(name, ""));
	if (!host && !port)
		return NULL;

	return g_strdup_printf("%s/%s:%s", domain_or(type, ""), domain_or(host, ""),
			       domain_or(port, ""));
}

/* What NODE, at PLACE, connects to: "tcp/HOST:PORT", "rbd/POOL/IMAGE", "user/:". NULL: nothing. */
static char *remote(const xmlNode *node, const char *place)
{
	if (xmlStrEqual(node->name, BAD_CAST "interface"))
		return remote_interface(node);
	if (xmlStrEqual(node->name, BAD_CAST "source"))
		return remote_source(node, place);

	return NULL;
}

static void check_remote(DomainBuild *b, const char *what, const char *place, const xmlNode *node)
{
	g_autofree char *address = remote(node, place);
	g_autofree char *name = NULL;

	if (address)
		name = name_of(what, place);

	if (address)
		domain_may_name(b, name, address, DOMAIN_NAME_SOURCE);
}

/* The case is ignored, so that no lookalike passes for one of the two. */
static bool is_reserved(const char *ns)
{
	if (!g_ascii_strncasecmp(ns, NS_OURS, strlen(NS_OURS)))
		return true;

	return !g_ascii_strncasecmp(ns, NS_ONE, strlen(NS_ONE));
}

/* Our own notes and what OpenNebula reads back must not come from a VM's owner. */
static void check_metadata(DomainBuild *b, const char *what, const xmlNode *node)
{
	const char *ns = "";

	if (node->ns && node->ns->href)
		ns = (const char *)node->ns->href;

	if (is_reserved(ns))
		domain_problem(b, NULL, "%s: <metadata>: '%.200s' is not a VM's to write", what,
			       ns);
	for (xmlNode *n = xmlFirstElementChild((xmlNode *)node); n; n = xmlNextElementSibling(n))
		check_metadata(b, what, n);
}

/* libvirt does not read comments and processing instructions. */
static bool is_read(const xmlNode *node)
{
	if (node->type == XML_COMMENT_NODE)
		return false;

	return node->type != XML_PI_NODE;
}

/*
 * The text of NODE without that of its elements. A reference to an entity has no
 * content: its '&' stands for it, as no place without text allows that either.
 */
static char *own_text(const xmlNode *node)
{
	GString *own = g_string_new(NULL);

	for (const xmlNode *n = node->children; n; n = n->next) {
		if (n->type == XML_ELEMENT_NODE)
			continue;
		if (is_read(n))
			g_string_append(own, domain_or((const char *)n->content, "&"));
	}

	return g_string_free(own, FALSE);
}

/* libvirt reads an element's text with that of all elements in it. */
static void check_text(DomainBuild *b, const char *what, const char *place, const xmlNode *node)
{
	enum kind kind = kind_of(place);
	g_autofree char *text = NULL;

	if (kind == EMPTY || kind == UNKNOWN)
		text = own_text(node);
	else
		text = xml_text(node);

	if (text && *g_strstrip(text))
		check_value(b, what, place, text);
}

/* An attribute with a namespace has a place of its own, "@*:NAME", which no row knows. */
static void check_node(DomainBuild *b, const char *what, const char *place, const xmlNode *node)
{
	check_gates(b, what, place, node);
	check_remote(b, what, place, node);

	for (xmlAttr *a = node->properties; a; a = a->next) {
		g_autoptr(xmlChar) value = xmlNodeListGetString(node->doc, a->children, 1);
		g_autofree char *at = g_strdup_printf("%s@%s%s", place, a->ns ? "*:" : "",
						      (const char *)a->name);

		check_value(b, what, at, (const char *)value);
	}

	check_text(b, what, place, node);
	for (xmlNode *n = xmlFirstElementChild((xmlNode *)node); n; n = xmlNextElementSibling(n))
		domain_reach(b, what, place, n);
}

/* The chain of images may be of any length: the table of places has one of its links. */
static char *place_below(const char *parent, const xmlNode *node)
{
	bool link = xmlStrEqual(node->name, BAD_CAST "backingStore");

	if (link && !g_strcmp0(strrchr(parent, '/'), "/backingStore"))
		return g_strdup(parent);

	return g_strdup_printf("%s/%s", parent, node->name);
}

/* libvirt reads QEMU's namespace right below <domain> only. */
static bool is_commandline(const xmlNode *node, const char *parent)
{
	if (!node->ns)
		return false;
	if (!xmlStrEqual(node->ns->href, BAD_CAST TMPL_XML_NS_QEMU))
		return false;

	return !strcmp(parent, "domain");
}

/*
 * libvirt keeps elements of other namespaces below <metadata> only. Elsewhere it skips
 * them, but a later version may not: they are refused.
 */
void domain_reach(DomainBuild *b, const char *what, const char *parent, const xmlNode *node)
{
	g_autofree char *place = place_below(parent, node);

	if (is_commandline(node, parent)) {
		need(b, what, COMMAND);
		return;
	}

	if (node->ns) {
		domain_problem(b, NULL, "%s: <%s> is of the namespace '%.200s'", what, node->name,
			       (const char *)node->ns->href);
		return;
	}

	if (strcmp(place, "domain/metadata") != 0) {
		check_node(b, what, place, node);
		return;
	}

	for (xmlNode *n = xmlFirstElementChild((xmlNode *)node); n; n = xmlNextElementSibling(n))
		check_metadata(b, what, n);
}
