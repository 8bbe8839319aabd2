/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include "xml/xml.h"

/* deployment.md 2.28 (guest agent), 2.15 (virtiofs), 2.32 (what oned has not) */

#define VIRTIOFSD "/var/tmp/one/vmm/kvm/virtiofsd.sh"
#define LIBVIRT_IDMAP DOMAIN_LIBVIRT(10, 0, 0)

static const struct domain_rule agent_rules[] = {
	{ NULL, 0, "@type",       NULL, NULL, "unix" },
	{ NULL, 0, "source@mode", NULL, NULL, "bind" },
	{ NULL, 0, "target@type", NULL, NULL, "virtio" },
	{ NULL, 0, "target@name", NULL, NULL, "org.qemu.guest_agent.0" },
};

/* The path of the socket is left to libvirt, which makes one for each domain. */
void domain_channels(DomainBuild *b, xmlNode *devices)
{
	if (domain_bool(b, NULL, "FEATURES/GUEST_AGENT", TMPL_IN_ALL))
		DOMAIN_EMIT(b, domain_element(devices, "channel"), agent_rules, NULL);
}

static const char *const rng_models[] = { "virtio", NULL };
static const char *const rng_backends[] = { "random", "builtin", NULL };
static const char *const watchdog_models[] = { "i6300esb", "ib700", "diag288", NULL };
static const char *const watchdog_actions[] = {
	"reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi", NULL
};
static const char *const balloon_models[] = {
	"virtio", "virtio-transitional", "virtio-non-transitional", NULL
};
static const struct domain_range at_least_one = { 1, G_MAXUINT32 };

static const struct domain_rule rng_rules[] = {
	/* attribute         levels path             convert         argument       absent */
	{ "RNG/MODEL",       0,     "@model",        domain_one_of,  rng_models,    "virtio" },
	{ "RNG/RATE_BYTES",  0,     "rate@bytes",    domain_decimal, &at_least_one, NULL },
	{ "RNG/RATE_PERIOD", 0,     "rate@period",   domain_decimal, &at_least_one, NULL },
	{ "RNG/BACKEND",     0,     "backend@model", domain_one_of,  rng_backends,  "random" },
};

static const struct domain_rule watchdog_rules[] = {
	{ "WATCHDOG/MODEL",  0, "@model",  domain_one_of, watchdog_models,  "i6300esb" },
	{ "WATCHDOG/ACTION", 0, "@action", domain_one_of, watchdog_actions, "reset" },
};

static const struct domain_rule balloon_rules[] = {
	{ "MEMBALLOON/MODEL",        0, "@model",       domain_one_of, balloon_models, "virtio" },
	{ "MEMBALLOON/AUTODEFLATE",  0, "@autodeflate", domain_if_yes, "on",           NULL },
	{ "MEMBALLOON/FREE_PAGE_REPORTING", 0, "@freePageReporting", domain_if_yes, "on", NULL },
	{ "MEMBALLOON/STATS_PERIOD", 0, "stats@period", domain_decimal, &at_least_one, NULL },
};

/* What a VM gets only when some level asks for it; MODEL = none there takes it away. */
static const struct option {
	const char *vector, *element;
	const struct domain_rule *rules;
	size_t n;
	bool none;	/* MODEL none is an element too: libvirt else adds one itself */
} options[] = {
	{ "RNG",        "rng",        rng_rules,      G_N_ELEMENTS(rng_rules),      false },
	{ "WATCHDOG",   "watchdog",   watchdog_rules, G_N_ELEMENTS(watchdog_rules), false },
	{ "MEMBALLOON", "memballoon", balloon_rules,  G_N_ELEMENTS(balloon_rules),  true },
};

/* An empty vector asks for the device with all its defaults. */
static bool is_wanted(const DomainBuild *b, const char *vector)
{
	for (int i = 0; i < TMPL_LEVELS; i++)
		if (tmpl_set_vector(b->vm->level[i], vector))
			return true;
	return false;
}

static void option(DomainBuild *b, xmlNode *devices, const struct option *o)
{
	g_autofree char *path = g_strconcat(o->vector, "/MODEL", NULL);
	const char *model = domain_text(b, NULL, path, TMPL_IN_ALL);
	bool none = model && !g_ascii_strcasecmp(model, "none");

	if (!is_wanted(b, o->vector) || (none && !o->none))
		return;
	if (none)
		domain_set(b, domain_element(devices, o->element), "model", "none");
	else
		domain_emit(b, domain_element(devices, o->element), o->rules, o->n, NULL);
}

/* QEMU takes a period only as a part of a rate. */
static void check_rng(DomainBuild *b, xmlNode *rng)
{
	xmlNode *rate = xml_child(rng, "rate"), *backend = xml_child(rng, "backend");

	if (rate && !xmlHasProp(rate, BAD_CAST "bytes"))
		domain_problem(b, NULL, "RNG/RATE_PERIOD needs RATE_BYTES");

	/* The one source that never blocks; others are none of a user's business. */
	if (xml_has(backend, "model", "random"))
		domain_set_text(b, backend, "/dev/urandom");
}

void domain_optional_devices(DomainBuild *b, xmlNode *devices)
{
	for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
		option(b, devices, &options[i]);
	if (xml_child(devices, "rng"))
		check_rng(b, xml_child(devices, "rng"));
}

static const struct domain_rule filesystem_rules[] = {
	/* attribute        levels      path                   convert arg absent */
	{ NULL,             0,          "@type",               NULL, NULL, "mount" },
	{ NULL,             0,          "@accessmode",         NULL, NULL, "passthrough" },
	{ NULL,             0,          "driver@type",         NULL, NULL, "virtiofs" },
	{ NULL,             0,          "driver@queue",        NULL, NULL, "1024" },
	{ NULL,             0,          "binary@path",         NULL, NULL, VIRTIOFSD },
	{ NULL,             0,          "binary@xattr",        NULL, NULL, "on" },
	{ NULL,             0,          "binary/cache@mode",   NULL, NULL, "always" },
	{ NULL,             0,          "binary/sandbox@mode", NULL, NULL, "namespace" },
	{ "DISK/SOURCE",    TMPL_IN_VM, "source@dir",          NULL, NULL, NULL },
	{ "DISK/MOUNT_TAG", TMPL_IN_VM, "target@dir",          NULL, NULL, NULL },
};

/*
 * The map is the site's to set: with one of its own a VM could map its root to the host's,
 * or to the user that another VM's files belong to.
 */
static const struct domain_rule idmap_rules[] = {
	/* attribute     levels        path                convert         arg   absent */
	{ NULL,          0,            "idmap/uid@start",  NULL,           NULL, "0" },
	{ "DISK/UID_MAP", TMPL_IN_SITE, "idmap/uid@target", domain_decimal, NULL, "100000" },
	{ NULL,          0,            "idmap/uid@count",  NULL,           NULL, "65536" },
	{ NULL,          0,            "idmap/gid@start",  NULL,           NULL, "0" },
	{ "DISK/GID_MAP", TMPL_IN_SITE, "idmap/gid@target", domain_decimal, NULL, "100000" },
	{ NULL,          0,            "idmap/gid@count",  NULL,           NULL, "65536" },
};

/* Without the map the guest's root would be the host's. */
void domain_filesystem(DomainBuild *b, xmlNode *devices, const TmplAttr *disk)
{
	const char *source = tmpl_attr_text(disk, "SOURCE");
	const char *tag = tmpl_attr_text(disk, "MOUNT_TAG");
	xmlNode *node = domain_element(devices, "filesystem");

	domain_needs(b, disk, "TYPE = 'FILESYSTEM'", GATE(LIBVIRT_IDMAP, NULL));
	domain_may_use(b, disk, "SOURCE", domain_or(source, ""), DOMAIN_PATH_DATA);

	if (!tag || strlen(tag) > 36)
		domain_problem(b, disk, "MOUNT_TAG = '%s': not 1 to 36 bytes", domain_or(tag, ""));
	DOMAIN_EMIT(b, node, filesystem_rules, disk);
	DOMAIN_EMIT(b, node, idmap_rules, disk);

	if (domain_bool(b, disk, "DISK/READONLY", TMPL_IN_VM))
		domain_element(node, "readonly");
}
