/* SPDX-License-Identifier: Apache-2.0 */
#include "template/attributes.h"

#include "base/number.h"
#include "base/text.h"
#include "template/defaults.h"
#include "xml/xml.h"

#define SUGGEST_DISTANCE 3

enum type { TEXT, BOOL, NUMBER, QUEUES, FRAGMENT };

static const char *const type_text[] = {
	[TEXT] = "", [BOOL] = "yes or no", [NUMBER] = "a whole number",
	[QUEUES] = "a whole number or auto", [FRAGMENT] = "well-formed XML",
};

struct known {
	const char *vector;	/* NULL: a single */
	const char *name;
	enum type type;
};

#define LIMITS(prefix)						\
	{ "DISK", prefix "_SEC", NUMBER },			\
	{ "DISK", prefix "_SEC_MAX", NUMBER },			\
	{ "DISK", prefix "_SEC_MAX_LENGTH", NUMBER }

static const struct known known[] = {
	{ NULL, "VCPU", NUMBER },
	{ NULL, "VCPU_MAX", NUMBER },
	{ NULL, "MEMORY_SLOTS", NUMBER },
	{ NULL, "MEMORY_TUNE_OFFSET", NUMBER },
	{ NULL, "EMULATOR", TEXT },
	{ NULL, "EMULATOR_CPUS", TEXT },
	{ NULL, "CGROUPS_VERSION", NUMBER },
	{ NULL, "EVC_MODE", TEXT },
	{ NULL, "Q35_ROOT_PORTS", NUMBER },
	{ NULL, "Q35_NUMA_PCIE", BOOL },
	{ NULL, "OVMF_UEFIS", TEXT },
	{ NULL, "SPICE_OPTIONS", FRAGMENT },
	{ NULL, "HYPERV_OPTIONS", FRAGMENT },
	{ NULL, "HYPERV_TIMERS", FRAGMENT },
	{ NULL, "RAW", FRAGMENT },
	{ NULL, "RAW_OVERRIDE", BOOL },
	{ "RAW", "TYPE", TEXT },
	{ "RAW", "DATA", FRAGMENT },
	{ "OS", "ARCH", TEXT },
	{ "OS", "MACHINE", TEXT },
	{ "OS", "BOOT", TEXT },
	{ "OS", "KERNEL", TEXT },
	{ "OS", "INITRD", TEXT },
	{ "OS", "BOOTLOADER", TEXT },
	{ "OS", "ROOT", TEXT },
	{ "OS", "KERNEL_CMD", TEXT },
	{ "OS", "SD_DISK_BUS", TEXT },
	{ "OS", "FIRMWARE", TEXT },
	{ "OS", "FIRMWARE_FORMAT", TEXT },
	{ "OS", "FIRMWARE_SECURE", BOOL },
	{ "FEATURES", "PAE", BOOL },
	{ "FEATURES", "ACPI", BOOL },
	{ "FEATURES", "APIC", BOOL },
	{ "FEATURES", "HYPERV", BOOL },
	{ "FEATURES", "LOCALTIME", BOOL },
	{ "FEATURES", "GUEST_AGENT", BOOL },
	{ "FEATURES", "RAS", BOOL },
	{ "FEATURES", "GIC", TEXT },
	{ "FEATURES", "IOTHREADS", NUMBER },
	{ "FEATURES", "VIRTIO_SCSI_QUEUES", QUEUES },
	{ "FEATURES", "VIRTIO_BLK_QUEUES", QUEUES },
	{ "FEATURES", "PCIHOLE64", NUMBER },
	{ "FEATURES", "NESTED", BOOL },
	{ "CPU_MODEL", "MODEL", TEXT },
	{ "CPU_MODEL", "FEATURES", TEXT },
	{ "CPU_MODEL", "MODELS", TEXT },
	{ "CPU_MODEL", "REQUIRED", TEXT },
	{ "CPU_MODEL", "TRAITS", TEXT },
	{ "CPU_MODEL", "PHYS_BITS", TEXT },
	{ "DISK", "DRIVER", TEXT },
	{ "DISK", "CACHE", TEXT },
	{ "DISK", "IO", TEXT },
	{ "DISK", "DISCARD", TEXT },
	{ "DISK", "UID_MAP", NUMBER },
	{ "DISK", "GID_MAP", NUMBER },
	LIMITS("TOTAL_BYTES"), LIMITS("READ_BYTES"), LIMITS("WRITE_BYTES"),
	LIMITS("TOTAL_IOPS"), LIMITS("READ_IOPS"), LIMITS("WRITE_IOPS"),
	{ "DISK", "SIZE_IOPS_SEC", NUMBER },
	{ "NIC", "MODEL", TEXT },
	{ "NIC", "FILTER", TEXT },
	{ "NIC", "VIRTIO_QUEUES", QUEUES },
	{ "GRAPHICS", "TYPE", TEXT },
	{ "GRAPHICS", "LISTEN", TEXT },
	{ "GRAPHICS", "PASSWD", TEXT },
	{ "GRAPHICS", "KEYMAP", TEXT },
	{ "GRAPHICS", "RANDOM_PASSWD", BOOL },
	{ "VIDEO", "TYPE", TEXT },
	{ "VIDEO", "IOMMU", BOOL },
	{ "VIDEO", "ATS", BOOL },
	{ "VIDEO", "VRAM", NUMBER },
	{ "VIDEO", "RESOLUTION", TEXT },
	{ "TPM", "MODEL", TEXT },
	{ "TPM", "TYPE", TEXT },
	{ "TPM", "DEVICE", TEXT },
	{ "TPM", "VERSION", TEXT },
	{ "TPM", "SECRET", TEXT },
	{ "TPM", "SECRET_MODE", TEXT },
	{ "RNG", "MODEL", TEXT },
	{ "RNG", "BACKEND", TEXT },
	{ "RNG", "RATE_BYTES", NUMBER },
	{ "RNG", "RATE_PERIOD", NUMBER },
	{ "WATCHDOG", "MODEL", TEXT },
	{ "WATCHDOG", "ACTION", TEXT },
	{ "MEMBALLOON", "MODEL", TEXT },
	{ "MEMBALLOON", "AUTODEFLATE", BOOL },
	{ "MEMBALLOON", "FREE_PAGE_REPORTING", BOOL },
	{ "MEMBALLOON", "STATS_PERIOD", NUMBER },
};

const char *tmpl_attributes_row(size_t i, const char **ret_vector)
{
	if (i >= G_N_ELEMENTS(known))
		return NULL;
	*ret_vector = known[i].vector;
	return known[i].name;
}

struct check {
	const TmplSet *set;
	GPtrArray *warnings;
	GString *faults;
};

static void add_place(GString *to, const TmplSet *set, const TmplAttr *attr)
{
	g_string_append_printf(to, "%s:%u:%u: ", set->source, attr->line, attr->column);
}

G_GNUC_PRINTF(3, 4)
static void fault(struct check *c, const TmplAttr *attr, const char *format, ...)
{
	va_list ap;

	if (c->faults->len)
		g_string_append(c->faults, "; ");
	add_place(c->faults, c->set, attr);
	va_start(ap, format);
	g_string_append_vprintf(c->faults, format, ap);
	va_end(ap);
}

static bool in_vector(const struct known *k, const char *vector)
{
	return !g_strcmp0(k->vector, vector);
}

/* The known name nearest to NAME in VECTOR, or NULL when none is near. */
static const char *suggestion(const char *vector, const char *name)
{
	guint best = MIN(SUGGEST_DISTANCE, (guint)strlen(name) / 2) + 1;
	const char *found = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		bool top = !vector && known[i].vector;
		const char *word = top ? known[i].vector : known[i].name;
		guint d = best;

		if (top || in_vector(&known[i], vector))
			d = text_distance(name, word, best);

		if (d < best) {
			best = d;
			found = word;
		}
	}

	return found;
}

/* "DISK/CACHE", or "VCPU" when VECTOR is NULL. The caller frees. */
static char *label_of(const char *vector, const char *name)
{
	if (!vector)
		return g_strdup(name);

	return g_strdup_printf("%s/%s", vector, name);
}

static void warn_unknown(struct check *c, const char *vector, const TmplAttr *attr)
{
	const char *near = suggestion(vector, attr->name);
	g_autofree char *label = label_of(vector, attr->name);
	GString *text = g_string_new(NULL);

	add_place(text, c->set, attr);
	g_string_append_printf(text, "unknown attribute %s is ignored", label);
	if (near)
		g_string_append_printf(text, "; did you mean %s?", near);
	g_ptr_array_add(c->warnings, g_string_free(text, FALSE));
}

static bool value_fits(enum type type, const char *text)
{
	g_autoptr(xmlDoc) doc = NULL;
	guint64 n;
	bool b;

	switch (type) {
	case BOOL:
		return number_bool(text, &b, NULL);
	case QUEUES:
		if (!g_ascii_strcasecmp(text, "auto"))
			return true;

		G_GNUC_FALLTHROUGH;
	case NUMBER:
		return number_unsigned(text, 0, G_MAXUINT64, &n, NULL);
	case FRAGMENT:
		doc = xml_parse_fragment(text, "", NULL);
		return doc;
	case TEXT:
	default:
		return g_utf8_validate(text, -1, NULL);
	}
}

static void check_value(struct check *c, const struct known *k, const TmplAttr *attr)
{
	g_autofree char *text = NULL, *label = NULL;
	const char *wanted = type_text[k->type];

	if (!*attr->value || value_fits(k->type, attr->value))
		return;

	if (k->type == TEXT)
		wanted = "UTF-8 text";
	text = g_utf8_make_valid(attr->value, -1);
	label = label_of(k->vector, k->name);
	fault(c, attr, "%s: '%.60s' is not %s", label, text, wanted);
}

static const struct known *lookup(const char *vector, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (in_vector(&known[i], vector) && !strcmp(known[i].name, name))
			return &known[i];
	return NULL;
}

static bool is_vector(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (in_vector(&known[i], name))
			return true;
	return false;
}

static void check_keys(struct check *c, const TmplAttr *vector)
{
	for (guint i = 0; i < vector->keys->len; i++) {
		const TmplAttr *key = g_ptr_array_index(vector->keys, i);
		const struct known *k = lookup(vector->name, key->name);

		if (k)
			check_value(c, k, key);
		else
			warn_unknown(c, vector->name, key);
	}
}

static void check_attr(struct check *c, const TmplAttr *attr)
{
	const struct known *single = lookup(NULL, attr->name);
	bool vector = is_vector(attr->name);

	if (!single && !vector)
		warn_unknown(c, NULL, attr);
	else if (attr->value && !single)
		fault(c, attr, "%s expects a vector: %s = [ KEY = \"…\" ]", attr->name,
		      attr->name);
	else if (!attr->value && !vector)
		fault(c, attr, "%s expects a single value: %s = \"…\"", attr->name, attr->name);
	else if (attr->value)
		check_value(c, single, attr);
	if (vector && attr->keys)
		check_keys(c, attr);
}

bool tmpl_defaults_check(const TmplSet *set, GPtrArray *warnings, GError **error)
{
	struct check c = { set, warnings, g_string_new(NULL) };
	bool good = true;

	for (guint i = 0; i < set->attrs->len; i++)
		check_attr(&c, g_ptr_array_index(set->attrs, i));
	if (c.faults->len)
		good = vmm_fail(error, VMM_ERROR_CONFIG, "%s", c.faults->str);
	g_string_free(c.faults, TRUE);

	return good;
}
