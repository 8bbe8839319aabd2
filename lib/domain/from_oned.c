/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/from_oned.h"

#include "base/number.h"
#include "domain/builders.h"
#include "domain/oned_parts.h"

#define SHOWN_MAX 5

struct job {
	TmplVm *vm;
	struct domain_options options;
	const xmlNode *oned;		/* normalized */
	char *type, *version;		/* of the domain, and of OpenNebula for the metadata */
};

static bool has(const struct job *j, const char *path, unsigned levels)
{
	struct tmpl_hit hit;

	return tmpl_vm_find(j->vm, NULL, path, levels, &hit);
}

/*
 * Says whether a difference between oned's word and ours is one of those that are known to be
 * harmless.
 */
typedef bool applies_func(const struct job *j, const struct oned_rest *r);

static char *rest_text(const struct oned_rest *r)
{
	if (r->attr)
		return xml_attribute(r->node, (const char *)r->attr->name);

	return g_strstrip(xml_text(r->node));
}

static bool no_vram(const struct job *j, const struct oned_rest *r G_GNUC_UNUSED)
{
	return !has(j, "VIDEO/VRAM", TMPL_IN_ALL);
}

static bool is_zero(const struct job *j G_GNUC_UNUSED, const struct oned_rest *r)
{
	g_autofree char *text = rest_text(r);

	return g_str_equal(text, "0");
}

static bool is_negative(const struct job *j G_GNUC_UNUSED, const struct oned_rest *r)
{
	g_autofree char *text = rest_text(r);

	return *text == '-';
}

static bool no_hyperv(const struct job *j, const struct oned_rest *r G_GNUC_UNUSED)
{
	g_autofree char *hyperv = oned_text(j->oned, "features/hyperv");

	return !hyperv || has(j, "HYPERV_TIMERS", TMPL_IN_VM);
}

static bool is_sata(const struct job *j G_GNUC_UNUSED, const struct oned_rest *r)
{
	const xmlNode *device = r->node;

	if (xmlStrEqual(device->name, BAD_CAST "address"))
		device = device->parent;
	if (xml_has(device, "type", "sata"))
		return true;

	return xml_has(xml_child(device, "target"), "bus", "sata");
}

static bool is_cdrom(const struct job *j G_GNUC_UNUSED, const struct oned_rest *r)
{
	return xml_has(r->node->parent, "device", "cdrom");
}

static bool has_other(const struct job *j G_GNUC_UNUSED, const struct oned_rest *r)
{
	return r->other;
}

static bool no_uefi(const struct job *j, const struct oned_rest *r G_GNUC_UNUSED)
{
	return !oned_find(j->oned, "os/loader") && !xml_child_attribute(j->oned, "os", "firmware");
}

static bool is_least_share(const struct job *j, const struct oned_rest *r)
{
	g_autofree char *text = rest_text(r);

	return g_str_equal(text, "1") || !has(j, "CPU", TMPL_IN_VM);
}

static bool has_topology(const struct job *j, const struct oned_rest *r G_GNUC_UNUSED)
{
	return tmpl_set_vector(j->vm->level[TMPL_VM], "TOPOLOGY");
}

static bool is_arm(const struct job *j, const struct oned_rest *r G_GNUC_UNUSED)
{
	g_autofree char *arch = oned_text(j->oned, "os/type@arch");

	return !g_strcmp0(arch, "aarch64");
}

static bool is_power_or_z(const struct job *j, const struct oned_rest *r G_GNUC_UNUSED)
{
	g_autofree char *arch = oned_text(j->oned, "os/type@arch");

	return arch && (g_str_has_prefix(arch, "ppc64") || g_str_equal(arch, "s390x"));
}

static bool no_arm(const struct job *j, const struct oned_rest *r)
{
	return !is_arm(j, r);
}

static bool no_nvram_format(const struct job *j, const struct oned_rest *r G_GNUC_UNUSED)
{
	return j->options.libvirt < DOMAIN_LIBVIRT(9, 2, 0);
}

static bool no_ras(const struct job *j, const struct oned_rest *r G_GNUC_UNUSED)
{
	return j->options.libvirt < DOMAIN_LIBVIRT(10, 4, 0);
}

/* oned takes each word but host-passthrough for a model's name, and "-avx" for a feature's. */
static bool is_mode(const struct job *j, const struct oned_rest *r G_GNUC_UNUSED)
{
	static const char *const modes[] = { "none", "host-model", "host-passthrough", "maximum",
					     "custom", NULL };
	g_autofree char *model = oned_text(j->oned, "cpu/model");
	g_autofree char *lower = g_ascii_strdown(domain_or(model, ""), -1);

	return g_strv_contains(modes, lower);
}

static bool own_features(const struct job *j, const struct oned_rest *r G_GNUC_UNUSED)
{
	return has(j, "CPU_MODEL/FEATURES", TMPL_IN_VM);
}

static bool own_tpm(const struct job *j, const struct oned_rest *r G_GNUC_UNUSED)
{
	return has(j, "TPM/TYPE", TMPL_IN_VM) || has(j, "TPM/VERSION", TMPL_IN_VM);
}

static const struct {
	const char *place;	/* a pattern */
	applies_func *applies;
	const char *why;
} explained[] = {
	{ "devices/video/model@vram", no_vram, "oned writes the number it read last" },
	{ "maxMemory@slots", is_zero, "libvirt refuses 0 slots" },
	{ "memory", is_negative, "the number is too large for oned" },
	{ "currentMemory", is_negative, "the number is too large for oned" },
	{ "maxMemory", is_negative, "the number is too large for oned" },
	{ "clock/timer*", no_hyperv, "timers are for HYPERV, and the VM's own come first" },
	{ "devices/controller*", is_sata, "a SATA controller has six disks" },
	{ "devices/disk/address*", is_sata, "a SATA controller has six disks" },
	{ "os/nvram", has_other, "UEFI variables are named by the VM's number" },
	{ "os/nvram@format", no_nvram_format, "libvirt knows it from 9.2 on" },
	{ "features/smm*", no_uefi, "it is for UEFI only" },
	{ "devices/disk/driver@discard", is_cdrom, "a CD-ROM has nothing to discard" },
	{ "cputune/shares", is_least_share, "libvirt refuses fewer shares" },
	{ "vcpu*", has_topology, "a topology is of a fixed size" },
	{ "features", is_arm, "on ARM, ACPI comes with UEFI only" },
	{ "features/acpi", is_arm, "on ARM, ACPI comes with UEFI only" },
	{ "features", is_power_or_z, "POWER and s390x have no such switches" },
	{ "features/acpi", is_power_or_z, "POWER and s390x have no such switch" },
	{ "features/apic", is_power_or_z, "POWER and s390x have no such switch" },
	{ "features/pae", is_power_or_z, "POWER and s390x have no such switch" },
	{ "devices/disk/target@bus", is_power_or_z, "POWER and s390x have no IDE" },
	{ "features/gic*", no_arm, "it is for ARM only" },
	{ "features/ras*", no_ras, "libvirt knows it from 10.4 on" },
	{ "cpu", is_mode, "the word is a mode, no model" },
	{ "cpu@mode", is_mode, "the word is a mode, no model" },
	{ "cpu/model*", is_mode, "the word is a mode, no model" },
	{ "cpu/feature*", own_features, "CPU_MODEL/FEATURES may take features away" },
	{ "devices/tpm*", own_tpm, "oned knows emulated TPMs only" },
	{ "memtune/hard_limit*", has_other, "oned writes it in hexadecimal" },
	{ "launchSecurity*", has_other, "oned knows the TYPE only" },
};

static const char *explanation(const struct job *j, const struct oned_rest *r)
{
	for (size_t i = 0; i < G_N_ELEMENTS(explained); i++)
		if (g_pattern_match_simple(explained[i].place, r->place) &&
		    explained[i].applies(j, r))
			return explained[i].why;

	return NULL;
}

/* The text that stands for R in a message: a password stays a secret. The caller frees. */
static char *shown(const struct oned_rest *r)
{
	const xmlChar *name = r->attr ? r->attr->name : r->node->name;
	g_autofree char *text = NULL;

	if (domain_hides((const char *)name))
		return g_strdup("***");
	if (!r->attr && xmlFirstElementChild((xmlNode *)r->node))
		return g_strdup("…");
	text = rest_text(r);

	return g_strdup_printf("%.60s", text);
}

/* Whether a RAW of the site can have made R: all elements around it are ones that RAW joins. */
static bool can_be_raw(const struct oned_rest *r)
{
	static const char *const joined[] = {
		"domain", "devices", "features", "hyperv", "clock", "os", "cpu", "cputune",
		"memtune", "memoryBacking", "numatune", "blkiotune", "pm", NULL
	};

	if (r->attr || r->other)
		return false;
	for (const xmlNode *n = r->node->parent; n && n->type == XML_ELEMENT_NODE; n = n->parent)
		if (!g_strv_contains(joined, (const char *)n->name))
			return false;

	return true;
}

static char *raw_of(const struct oned_rest *r)
{
	char *text = xml_print(r->node);

	for (const xmlNode *n = r->node->parent; n && n->parent->type == XML_ELEMENT_NODE;
	     n = n->parent) {
		char *inner = text;

		text = g_strdup_printf("<%s>%s</%s>", n->name, inner, n->name);
		g_free(inner);
	}

	return text;
}

/* Whether R can be a device of SPICE_OPTIONS, which oned puts in front of VIDEO. */
static bool is_of_spice(const struct job *j, const struct oned_rest *r)
{
	static const char *const devices[] = { "audio", "channel", "hub", "input", "redirdev",
					       "redirfilter", "smartcard", "sound", "video", NULL };
	g_autofree char *display = oned_text(j->oned, "devices/graphics@type");

	if (g_strcmp0(display, "spice") || has(j, "SPICE_OPTIONS", TMPL_IN_ALL))
		return false;

	return g_strv_contains(devices, (const char *)r->node->name);
}

static void set_single(TmplSet *set, const char *name, const char *value)
{
	g_ptr_array_insert(set->attrs, 0, tmpl_attr_new(g_strdup(name), g_strdup(value)));
}

/* The attributes of the site whose elements oned put beside its own. */
static void keep_rest(const struct job *j, const GPtrArray *rest)
{
	g_autoptr(GString) raw = g_string_new(NULL), spice = g_string_new(NULL);
	TmplSet *site = j->vm->level[TMPL_CLUSTER];

	for (guint i = 0; i < rest->len; i++) {
		const struct oned_rest *r = rest->pdata[i];
		g_autofree char *wrapped = NULL, *alone = NULL;

		if (explanation(j, r) || !can_be_raw(r))
			continue;
		wrapped = raw_of(r);
		alone = xml_print(r->node);
		if (is_of_spice(j, r))
			g_string_append(spice, alone);
		else
			g_string_append(raw, wrapped);
	}

	if (raw->len)
		set_single(site, "RAW", raw->str);
	if (spice->len)
		set_single(site, "SPICE_OPTIONS", spice->str);
}

/* The directory is the one that oned has named, however the host's datastores are called. */
static void use_directory(const struct job *j)
{
	g_autofree char *directory = oned_text(j->oned, "metadata/vm/system_datastore");
	const char *last = directory ? strrchr(directory, '/') : NULL;
	g_autofree char *base = NULL;

	if (!last || strcmp(last + 1, tmpl_vm_header(j->vm, "ID")) != 0)
		return;
	base = g_strndup(directory, (gsize)(last - directory));
	if (!j->vm->datastore)
		j->vm->datastore = tmpl_set_new("datastore");
	set_single(j->vm->datastore, "BASE_PATH", base);
}

static void use_metadata(struct job *j)
{
	g_autofree char *time = oned_text(j->oned, "metadata/vm/deployment_time");
	gint64 now;

	j->type = xml_attribute(j->oned, "type");
	j->options.type = j->type;
	j->version = oned_text(j->oned, "metadata/vm/opennebula_version");
	j->options.one_version = j->version;
	if (time && number_signed(time, 0, G_MAXINT64, &now, NULL))
		j->options.now = now;
}

/* oned writes all numbers behind the policy in hexadecimal (B1): so the VM's start, too. */
static int base_of_limit(const struct job *j)
{
	g_autofree char *start = oned_text(j->oned, "metadata/vm/stime");

	return g_strcmp0(start, tmpl_vm_header(j->vm, "STIME")) ? 16 : 10;
}

static void use_limit(const struct job *j)
{
	g_autofree char *limit = oned_text(j->oned, "memtune/hard_limit");
	g_autofree char *offset = NULL;
	struct tmpl_hit memory;
	guint64 mib, most;

	if (!limit || j->vm->level[TMPL_CONF])
		return;
	if (!tmpl_vm_find(j->vm, NULL, "MEMORY", TMPL_IN_VM, &memory))
		return;
	mib = g_ascii_strtoull(memory.text, NULL, 10);
	most = g_ascii_strtoull(limit, NULL, base_of_limit(j));
	if (most < mib)
		return;
	offset = g_strdup_printf("%" G_GUINT64_FORMAT, most - mib);
	tmpl_vm_set_level(j->vm, TMPL_CONF, tmpl_set_new("oned's XML"));
	set_single(j->vm->level[TMPL_CONF], "MEMORY_TUNE_OFFSET", offset);
}

static xmlDoc *build_once(const struct job *j, GPtrArray *warnings, GError **error)
{
	g_autofree char *xml = domain_xml(j->vm, &j->options, warnings, error);

	if (!xml)
		return NULL;

	return xml_parse(xml, strlen(xml), "domain", error);
}

static void add_changes(const struct job *j, const GPtrArray *rest, bool ours, GPtrArray *changes)
{
	for (guint i = 0; i < rest->len; i++) {
		const struct oned_rest *r = rest->pdata[i];
		g_autofree char *text = shown(r);
		const char *why = ours ? NULL : explanation(j, r);

		if (why)
			g_ptr_array_add(changes, g_strdup_printf("%s = %s in oned's XML is left "
								 "out: %s", r->place, text, why));
		else if (ours)
			g_ptr_array_add(changes, g_strdup_printf("%s = %s: of the VM document, not "
								 "in oned's XML", r->place, text));
	}
}

/*
 * Names what is in oned's domain, but neither in ours nor in the list of known differences; NULL:
 * nothing.
 */
static char *lost(const struct job *j, const GPtrArray *rest)
{
	GString *text = g_string_new(NULL);
	guint n = 0;

	for (guint i = 0; i < rest->len; i++) {
		const struct oned_rest *r = rest->pdata[i];
		g_autofree char *value = shown(r);

		if (explanation(j, r) || ++n > SHOWN_MAX)
			continue;
		g_string_append_printf(text, "%s%s = %s", n > 1 ? "; " : "", r->place, value);
	}

	if (n > SHOWN_MAX)
		g_string_append_printf(text, "; and %u more", n - SHOWN_MAX);

	return g_string_free(text, FALSE);
}

/* The domain of the VM with the site's attributes, at the second attempt with its RAW. */
static xmlDoc *build_all(struct job *j, GPtrArray *warnings, GError **error)
{
	g_autoptr(GPtrArray) rest = NULL;
	g_autoptr(xmlDoc) doc = build_once(j, NULL, error);

	if (!doc)
		return NULL;
	rest = oned_compare(j->oned, xmlDocGetRootElement(doc));
	keep_rest(j, rest);

	return build_once(j, warnings, error);
}

bool domain_from_oned(TmplVm *vm, const xmlNode *oned, const struct domain_options *options,
		      const struct oned_notes *notes, xmlDoc **ret, GError **error)
{
	g_autoptr(xmlDoc) normal = oned_normalize(oned, vm);
	struct job j = { .vm = vm, .options = *options,
			 .oned = xmlDocGetRootElement(normal) };
	g_autoptr(GPtrArray) rest = NULL, more = NULL;
	g_autoptr(xmlDoc) doc = NULL;
	g_autofree char *missing = NULL;

	use_directory(&j);
	use_metadata(&j);
	use_limit(&j);
	tmpl_vm_set_level(vm, TMPL_CLUSTER, oned_site(j.oned, vm));
	doc = build_all(&j, notes->warnings, error);
	g_free(j.type);
	g_free(j.version);
	*ret = NULL;
	if (!doc)
		return false;
	rest = oned_compare(j.oned, xmlDocGetRootElement(doc));
	missing = lost(&j, rest);
	if (*missing) {
		g_ptr_array_add(notes->warnings,
				g_strdup_printf("oned's XML is used: the VM document does not "
						"explain its %s", missing));
		return true;
	}

	more = oned_compare(xmlDocGetRootElement(doc), j.oned);
	add_changes(&j, rest, false, notes->changes);
	add_changes(&j, more, true, notes->changes);
	*ret = g_steal_pointer(&doc);

	return true;
}
