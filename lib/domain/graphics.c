/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builders.h"

#include <errno.h>
#include <sys/random.h>

/* docs/facts/deployment.md 2.18 (graphics), 2.19 (video), 2.20 (input) */

#define VRAM_MIN_KIB 1024
#define VNC_PASSWORD_BYTES 8
#define SPICE_PASSWORD_BYTES 59

static const char *const video_types[] = {
	"none", "vga", "cirrus", "virtio", NULL
};
static const char *const input_types[] = { "tablet", "mouse", "keyboard", NULL };
static const char *const input_buses[] = { "usb", "ps2", "virtio", "xen", NULL };
static const struct domain_range ports = { 0, G_MAXUINT16 };
static const struct domain_pattern_rule listen_name = {
	".:-", 255, "an address to listen on", NULL
};
static const struct domain_pattern_rule keymap = { "_-", 32, "a key map", NULL };

/* What users may add with a spice display; site files may say anything. */
static const char *const spice_devices[] = {
	"audio", "channel", "controller", "hub", "input", "redirdev", "redirfilter", "smartcard",
	"sound", "video", NULL
};

static const struct domain_rule graphics_rules[] = {
	/* attribute         levels      path      convert         argument      absent */
	{ "GRAPHICS/LISTEN", 0,          "@listen", domain_pattern, &listen_name, NULL },
	{ "GRAPHICS/PORT",   TMPL_IN_VM, "@port",   domain_decimal, &ports,       NULL },
	{ "GRAPHICS/KEYMAP", 0,          "@keymap", domain_pattern, &keymap,      NULL },
};

static const struct domain_rule input_rules[] = {
	{ "INPUT/TYPE", TMPL_IN_VM, "@type", domain_one_of, input_types, NULL },
	{ "INPUT/BUS",  TMPL_IN_VM, "@bus",  domain_one_of, input_buses, NULL },
};

/* 64 letters: each byte modulo their number is as likely as any other. */
static char *random_password(DomainBuild *b, size_t n)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bytes[SPICE_PASSWORD_BYTES];
	GString *text = g_string_new(NULL);

	if (getrandom(bytes, n, 0) != (ssize_t)n)
		domain_problem(b, NULL, "no random password: %s", g_strerror(errno));
	for (size_t i = 0; i < n; i++)
		g_string_append_c(text, letters[bytes[i] % (sizeof letters - 1)]);

	return g_string_free(text, FALSE);
}

/* An empty PASSWD of the VM hides the site's, so that RANDOM_PASSWD applies. */
static void set_password(DomainBuild *b, xmlNode *node, const TmplAttr *graphics, bool spice)
{
	const char *given =
		domain_text(b, graphics, "GRAPHICS/PASSWD", TMPL_IN_ALL | TMPL_EMPTY_COUNTS);
	g_autofree char *made = NULL;
	size_t n = VNC_PASSWORD_BYTES;

	if (given && *given) {
		domain_set(b, node, "passwd", given);
		return;
	}

	if (!domain_bool(b, graphics, "GRAPHICS/RANDOM_PASSWD", TMPL_IN_ALL))
		return;

	/* VNC's protocol takes no more than 8 bytes; SPICE takes 60 with the NUL. */
	if (spice)
		n = SPICE_PASSWORD_BYTES;
	made = random_password(b, n);
	domain_set(b, node, "passwd", made);
}

/* libvirt's other types, such as sdl, open a window on the host itself. */
static void display(DomainBuild *b, xmlNode *devices, const TmplAttr *graphics)
{
	const char *given = domain_text(b, graphics, "GRAPHICS/TYPE", TMPL_IN_ALL);
	g_autofree char *type = g_ascii_strdown(domain_or(given, ""), -1);
	bool spice = !strcmp(type, "spice");
	const char *const *allowed = NULL;
	struct tmpl_hit options;
	xmlNode *node;

	if (!spice && strcmp(type, "vnc")) {
		domain_warn(b,
			    "GRAPHICS: TYPE '%s' is neither vnc nor spice: the VM gets no display",
			    type);
		return;
	}

	node = domain_element(devices, "graphics");
	domain_set(b, node, "type", type);
	DOMAIN_EMIT(b, node, graphics_rules, graphics);
	set_password(b, node, graphics, spice);

	if (!spice)
		return;
	if (!tmpl_vm_find(b->vm, NULL, "SPICE_OPTIONS", TMPL_IN_ALL, &options))
		return;

	if (options.level == TMPL_VM)
		allowed = spice_devices;
	domain_fragment(b, devices, "SPICE_OPTIONS", TMPL_IN_ALL, allowed);
}

static void resolution(DomainBuild *b, xmlNode *model, const TmplAttr *video)
{
	const char *text = domain_text(b, video, "VIDEO/RESOLUTION", TMPL_IN_ALL);
	const struct domain_range pixels = { 1, G_MAXUINT16 };
	g_auto(GStrv) part = NULL;
	g_autofree char *x = NULL, *y = NULL, *reason = NULL, *again = NULL;
	xmlNode *node;

	if (!text)
		return;

	part = g_strsplit(text, "x", 3);
	if (g_strv_length(part) == 2) {
		x = domain_decimal(b, part[0], &pixels, &reason);
		y = domain_decimal(b, part[1], &pixels, &again);
	}

	if (!x || !y) {
		domain_problem(b, video, "RESOLUTION = '%s': not WIDTHxHEIGHT", text);
		return;
	}

	node = domain_element(model, "resolution");
	domain_set(b, node, "x", x);
	domain_set(b, node, "y", y);
}

/*
 * IOMMU and ATS may be a site's defaults for its virtio cards. Only where a VM itself asks
 * for them with another type is that a mistake.
 */
static void video(DomainBuild *b, xmlNode *devices, const TmplAttr *vector)
{
	const char *type = domain_word(b, vector, "VIDEO/TYPE", TMPL_IN_ALL, video_types);
	bool iommu = domain_bool(b, vector, "VIDEO/IOMMU", TMPL_IN_ALL);
	bool ats = domain_bool(b, vector, "VIDEO/ATS", TMPL_IN_ALL);
	xmlNode *node, *model;
	guint64 vram;

	if (!type) {
		if (!domain_text(b, vector, "VIDEO/TYPE", TMPL_IN_ALL))
			domain_problem(b, vector, "TYPE is missing");
		return;
	}

	if (strcmp(type, "virtio") != 0 && (domain_bool(b, vector, "VIDEO/IOMMU", TMPL_IN_VM) ||
					    domain_bool(b, vector, "VIDEO/ATS", TMPL_IN_VM)))
		domain_problem(b, vector, "TYPE = '%s': IOMMU and ATS need virtio", type);
	node = domain_element(devices, "video");
	if (!strcmp(type, "virtio") && iommu)
		domain_put(b, node, "driver@iommu", "on");
	if (!strcmp(type, "virtio") && ats)
		domain_put(b, node, "driver@ats", "on");
	model = domain_element(node, "model");
	domain_set(b, model, "type", type);

	if (!strcmp(type, "none"))
		return;
	if (domain_number(b, vector, "VIDEO/VRAM", TMPL_IN_ALL,
			  RANGE(VRAM_MIN_KIB, G_MAXUINT32), &vram))
		domain_set_number(model, "vram", vram);
	if (strcmp(type, "cirrus"))
		resolution(b, model, vector);
}

void domain_graphics(DomainBuild *b, xmlNode *devices)
{
	const TmplSet *vm = b->vm->level[TMPL_VM];
	const TmplAttr *graphics = tmpl_set_vector(vm, "GRAPHICS");
	const TmplAttr *screen = tmpl_set_vector(vm, "VIDEO");
	const TmplAttr *input = tmpl_set_vector(vm, "INPUT");

	if (graphics)
		display(b, devices, graphics);
	if (screen)
		video(b, devices, screen);
	if (tmpl_attr_text(input, "TYPE"))
		DOMAIN_EMIT(b, domain_element(devices, "input"), input_rules, input);
}
