/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/reach_places.h"

#include <stddef.h>

#include "base/text.h"
#include "template/vm.h"
#include "xml/xml.h"

/* What the schema says, in the words of places.def. */
enum kind {
	EMPTY,		/* an element without text */
	CLOSED, PATH, OPEN
};

/*
 * A place has the first SHARED bytes of the one before it, and then its own text; each STRIDEth has
 * all of its own. Offsets instead of pointers, which the loader would have to relocate: the table
 * is in many programs of the set.
 */
enum { STRIDE = 16, MAX_PLACE = 256 };
#define TEXT_OF_LINE(line) text_##line
#define TEXT_OF(line) TEXT_OF_LINE(line)

#define PLACE(shared, rest, kind) char TEXT_OF(__LINE__)[sizeof(rest)];
struct texts {
#include "domain/places.def"
};
#undef PLACE

#define PLACE(shared, rest, kind) rest,
static const struct texts texts = {
#include "domain/places.def"
};
#undef PLACE

#define PLACE(shared, rest, kind) { offsetof(struct texts, TEXT_OF(__LINE__)), shared, kind },
static const struct place {
	unsigned offset : 17;
	unsigned shared : 8;
	unsigned kind : 7;	/* enum kind */
} places[] = {
#include "domain/places.def"
};
#undef PLACE

/* The first row that matches is used; "*" matches any text. */
static const struct {
	const char *place;
	enum reach_use use;
} uses[] = {
	{ "*/seclabel*",			REACH_SECLABEL },
	{ "*/alias@name",			REACH_WORD },
	{ "*/boot@loadparm",			REACH_WORD },
	{ "*/log@file",				REACH_DATA },
	{ "*@tty",				REACH_DATA },
	{ "*/rom@file",				REACH_DATA },
	{ "*/teaming@persistent",		REACH_WORD },
	{ "*/backenddomain@name",		REACH_DEVICE },
	/* disks and what looks like one */
	{ "*/auth@username",			REACH_WORD },
	{ "*/secret@usage",			REACH_TEXT },
	{ "*/encryption/*",			REACH_WORD },
	{ "*/cookies/*",			REACH_TEXT },
	{ "*/identity@*",			REACH_WORD },
	{ "*/iqn@name",				REACH_TEXT },
	{ "*/config@file",			REACH_DATA },
	{ "*/reservations/source@path",		REACH_DATA },
	{ "*/source/host@name",			REACH_WORD },
	{ "*/source/host@socket",		REACH_DATA },
	{ "*/source/snapshot@name",		REACH_WORD },
	{ "*/source@pool",			REACH_POOL },
	{ "*/source@volume",			REACH_WORD },
	{ "*/source@query",			REACH_TEXT },
	{ "*/source@tlsHostname",		REACH_WORD },
	{ "*/source@fdgroup",			REACH_WORD },
	{ "*/mirror@file",			REACH_DATA },
	{ "domain/devices/disk/driver@name",	REACH_WORD },
	{ "domain/devices/disk/iotune/group_name", REACH_WORD },
	{ "domain/devices/disk/product",	REACH_TEXT },
	{ "domain/devices/disk/vendor",		REACH_TEXT },
	{ "domain/devices/disk/serial",		REACH_TEXT },
	{ "domain/devices/disk*/source@name",	REACH_SOURCE },
	{ "domain/os/nvram/source@name",	REACH_SOURCE },
	/* interfaces */
	{ "*/interface/script@path",		REACH_SCRIPT },
	{ "*/interface/downscript@path",	REACH_SCRIPT },
	{ "*/interface/backend@*",		REACH_DATA },
	{ "*/interface/filterref*",		REACH_TEXT },
	{ "*/interface/guest@*",		REACH_DEVICE },
	{ "*/interface/portForward@dev",	REACH_DEVICE },
	{ "*/interface/model@type",		REACH_WORD },
	{ "*/interface/source@bridge",		REACH_BRIDGE },
	{ "*/interface/source@network",		REACH_NETWORK },
	{ "*/interface/source@portgroup*",	REACH_WORD },
	{ "*/interface/source@dev",		REACH_DEVICE },
	{ "*/interface/source@name",		REACH_DEVICE },
	{ "*/interface/target@dev",		REACH_TAP },
	{ "*/interface/virtualport/*",		REACH_WORD },
	/* devices of the host, which a gate below stops as a whole */
	{ "*/hostdev/source/adapter*",		REACH_WORD },
	{ "*/hostdev/source/block",		REACH_DATA },
	{ "*/hostdev/source/char",		REACH_DATA },
	{ "*/hostdev/source/interface",		REACH_DEVICE },
	{ "*/hostdev/source@name",		REACH_SOURCE },
	{ "*/lease/*",				REACH_DEVICE },
	{ "*/smartcard/certificate",		REACH_DEVICE },
	{ "*/smartcard/database",		REACH_DATA },
	{ "*/shmem@name",			REACH_DEVICE },
	{ "*/shmem/server@path",		REACH_DATA },
	/* other devices */
	{ "domain/devices/emulator",		REACH_SCRIPT },
	{ "*/filesystem/binary@path",		REACH_SCRIPT },
	{ "*/filesystem/source@name",		REACH_DEVICE },
	{ "*/filesystem/target@dir",		REACH_TEXT },
	{ "*/audio@path",			REACH_DATA },
	{ "*/audio*@serverName",		REACH_DEVICE },
	{ "*/audio*@dev",			REACH_DEVICE },
	{ "*/audio*",				REACH_WORD },
	{ "*/graphics@passwd",			REACH_TEXT },
	{ "*/graphics@address",			REACH_COMMAND }, /* D-Bus: unixexec:path=… */
	{ "*/graphics@display",			REACH_DEVICE },
	{ "*/graphics@xauth",			REACH_DATA },
	{ "*/graphics@keymap",			REACH_WORD },	/* QEMU opens a path, too */
	{ "*/graphics@listen",			REACH_WORD },
	{ "*/graphics/listen@address",		REACH_WORD },
	{ "*/graphics/listen@network",		REACH_NETWORK },
	{ "*/graphics*@socket",			REACH_DATA },
	{ "*@rendernode",			REACH_DATA },
	{ "*/input/source@*",			REACH_DATA },
	{ "*/memory/source/path",		REACH_DATA },
	{ "*/rng/backend",			REACH_DATA },
	{ "*/tpm/backend/*@path",		REACH_DATA },
	{ "*/target@address",			REACH_WORD },
	{ "*/target@name",			REACH_WORD },
	{ "*/target@port",			REACH_WORD },
	/* sources of disks, file systems and character devices */
	{ "*/source@channel",			REACH_WORD },
	{ "*/source@mode",			REACH_WORD },
	{ "*/source@host",			REACH_SOURCE },
	{ "*/source@service",			REACH_SOURCE },
	{ "*/source@master",			REACH_DATA },
	{ "*/source@slave",			REACH_DATA },
	{ "*/source@path",			REACH_DATA },
	{ "*/source@file",			REACH_DATA },
	{ "*/source@dev",			REACH_DATA },
	{ "*/source@dir",			REACH_DATA },
	{ "*/source@socket",			REACH_DATA },
	/* beside the devices */
	{ "domain/name",			REACH_WORD },
	{ "domain/title",			REACH_TEXT },
	{ "domain/description",			REACH_TEXT },
	{ "domain/bootloader",			REACH_SCRIPT },
	{ "domain/bootloader_args",		REACH_TEXT },
	{ "domain/blkiotune/device/path",	REACH_DATA },
	{ "domain/clock@timezone",		REACH_WORD },
	{ "domain/cpu/*",			REACH_WORD },
	{ "domain/cputune/cachetune@id",	REACH_WORD },
	{ "domain/features/hyperv/vendor_id@value", REACH_TEXT },
	{ "domain/launchSecurity/*",		REACH_TEXT },
	{ "domain/os/kernel",			REACH_KERNEL },
	{ "domain/os/initrd",			REACH_KERNEL },
	{ "domain/os/dtb",			REACH_KERNEL },
	{ "domain/os/cmdline",			REACH_TEXT },
	{ "domain/os/acpi/table",		REACH_DATA },
	{ "domain/os/loader",			REACH_DATA },
	{ "domain/os/nvram*",			REACH_DATA },
	{ "domain/os/init",			REACH_SCRIPT },
	{ "domain/os/initdir",			REACH_DATA },
	{ "domain/os/init*",			REACH_TEXT },
	{ "domain/os/root",			REACH_DATA },
	{ "domain/os/type@machine",		REACH_WORD },
	{ "domain/resource/partition",		REACH_DATA },
	{ "domain/resource/fibrechannel@appid",	REACH_WORD },
	{ "domain/sysinfo/entry@file",		REACH_DATA },
	{ "domain/sysinfo/*",			REACH_TEXT },
};

/* What needs a key though the schema closes it: "ATTRIBUTE=WORD WORD…"; NULL: the element. */
static const struct {
	const char *place, *attribute;
	const char *words;
	enum reach_use use;
} gates[] = {
	{ "domain/seclabel",		NULL,	   NULL,		REACH_SECLABEL },
	{ "*/seclabel",			NULL,	   NULL,		REACH_SECLABEL },
	{ "domain/devices/hostdev",	NULL,	   NULL,		REACH_DEVICE },
	{ "domain/devices/lease",	NULL,	   NULL,		REACH_DEVICE },
	{ "domain/devices/shmem",	NULL,	   NULL,		REACH_DEVICE },
	{ "domain/devices/interface",	"type",	   "direct hostdev vdpa vds", REACH_DEVICE },
	{ "*/interface/target",		"managed", "no",		REACH_DEVICE },
	{ "domain/devices/disk",	"type",	   "nvme vhostvdpa",	REACH_DEVICE },
	{ "domain/devices/disk",	"rawio",   "yes",		REACH_DEVICE },
	{ "domain/devices/disk",	"sgio",	   "unfiltered",	REACH_DEVICE },
	{ "domain/devices/smartcard",	"mode",	   "host host-certificates", REACH_DEVICE },
	{ "domain/devices/tpm/backend",	"type",	   "passthrough",	REACH_DEVICE },
	{ "domain/devices/graphics",	"type",	   "sdl desktop",	REACH_DEVICE },
	{ "domain/devices/audio",	"type",
	  "alsa coreaudio dbus jack oss pulseaudio sdl", REACH_DEVICE },
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

static const char *rest_of(const struct place *p)
{
	return (const char *)&texts + p->offset;
}

/* The last row with all of its text that is not behind NAME. */
static size_t nearest_row(const char *name)
{
	size_t low = 0, high = (G_N_ELEMENTS(places) - 1) / STRIDE + 1;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (strcmp(rest_of(&places[middle * STRIDE]), name) > 0)
			high = middle;
		else
			low = middle;
	}

	return low * STRIDE;
}

static const struct place *find_place(const char *name)
{
	size_t row = nearest_row(name), end = MIN(row + STRIDE, G_N_ELEMENTS(places));
	char whole[MAX_PLACE];

	for (; row < end; row++) {
		const struct place *p = &places[row];

		g_strlcpy(whole + p->shared, rest_of(p), sizeof(whole) - p->shared);
		if (g_str_equal(whole, name))
			return p;
	}

	return NULL;
}

enum reach_kind reach_kind_of(const char *place)
{
	const struct place *p = find_place(place);

	if (!p || p->kind == EMPTY)
		return REACH_NONE;
	if (p->kind == CLOSED)
		return REACH_CLOSED;

	return REACH_OPEN;
}

enum reach_use reach_use_of(const char *place)
{
	for (size_t i = 0; i < G_N_ELEMENTS(uses); i++)
		if (g_pattern_match_simple(uses[i].place, place))
			return uses[i].use;
	return REACH_FORBIDDEN;
}

bool reach_is_plain(const char *text)
{
	if (strchr(text, '/'))
		return false;
	return !strstr(text, "..");
}

bool reach_is_switch(const char *text)
{
	if (strspn(text, "0123456789") == strlen(text))
		return true;
	return g_strv_contains(switches, text);
}

/* Whether a source at PLACE has the name of a disk's image. */
static bool names_image(const char *place)
{
	g_autofree char *at = g_strconcat(place, "@name", NULL);

	return reach_use_of(at) == REACH_SOURCE;
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

	return g_strdup_printf("%s/%s:%s", type, text_or(host, ""), text_or(port, ""));
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
		return g_strdup_printf("%s/%s", text_or(protocol, ""), text_or(name, ""));
	if (!host && !port)
		return NULL;

	return g_strdup_printf("%s/%s:%s", text_or(type, ""), text_or(host, ""),
			       text_or(port, ""));
}

char *reach_remote(const xmlNode *node, const char *place)
{
	if (xmlStrEqual(node->name, BAD_CAST "interface"))
		return remote_interface(node);
	if (xmlStrEqual(node->name, BAD_CAST "source"))
		return remote_source(node, place);

	return NULL;
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
			g_string_append(own, text_or((const char *)n->content, "&"));
	}

	return g_string_free(own, FALSE);
}

/* libvirt reads an element's text with that of all elements in it. */
static char *text_read(const char *place, const xmlNode *node)
{
	if (reach_kind_of(place) == REACH_NONE)
		return own_text(node);

	return xml_text(node);
}

static void visit_gates(const char *place, const xmlNode *node, const struct reach_visitor *v,
			void *data)
{
	for (size_t i = 0; i < G_N_ELEMENTS(gates); i++) {
		const char *attribute = gates[i].attribute;
		g_autofree char *value = NULL;

		if (attribute)
			value = xml_attribute(node, attribute);
		if (!g_pattern_match_simple(gates[i].place, place))
			continue;
		if (attribute && (!value || !has_word(gates[i].words, value)))
			continue;

		v->gate(place, node, gates[i].use, data);
	}
}

/* An attribute with a namespace has a place of its own, "@*:NAME", which no row knows. */
static void visit_values(const char *place, const xmlNode *node, const struct reach_visitor *v,
			 void *data)
{
	g_autofree char *text = NULL;

	for (xmlAttr *a = node->properties; a; a = a->next) {
		g_autoptr(xmlChar) value = xmlNodeListGetString(node->doc, a->children, 1);
		g_autofree char *at = g_strdup_printf("%s@%s%s", place, a->ns ? "*:" : "",
						      (const char *)a->name);
		g_autofree char *bare = g_strstrip(g_strdup(text_or((const char *)value, "")));

		v->value(at, bare, data);
	}

	text = text_read(place, node);
	if (text && *g_strstrip(text))
		v->value(place, text, data);
}

/* The chain of images may be of any length: the table of places has one of its links. */
static char *place_below(const char *parent, const xmlNode *node)
{
	bool link = xmlStrEqual(node->name, BAD_CAST "backingStore");

	if (link && !g_strcmp0(strrchr(parent, '/'), "/backingStore"))
		return g_strdup(parent);
	if (!*parent)
		return g_strdup((const char *)node->name);

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
 * them, but a later version may not.
 */
void reach_walk(const char *parent, const xmlNode *node, const struct reach_visitor *visitor,
		void *data)
{
	g_autofree char *place = place_below(parent, node);

	if (node->ns) {
		visitor->foreign(node, is_commandline(node, parent), data);
		return;
	}

	if (g_str_equal(place, "domain/metadata")) {
		visitor->metadata(node, data);
		return;
	}

	visit_gates(place, node, visitor, data);
	visitor->node(place, node, data);
	visit_values(place, node, visitor, data);
	for (xmlNode *n = xmlFirstElementChild((xmlNode *)node); n; n = xmlNextElementSibling(n))
		reach_walk(place, n, visitor, data);
}
