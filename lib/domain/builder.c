/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/builder.h"

#include <libxml/parserInternals.h>
#include <libxml/xmlsave.h>

#include "base/number.h"
#include "conf/paths.h"
#include "domain/attach.h"
#include "xml/xml.h"

/* QEMU's machines have versions: "virt-6.2" is a "virt". */
static bool is_version_of(const char *name, const char *machine)
{
	const char *after;

	if (!g_str_has_prefix(name, machine))
		return false;

	after = name + strlen(machine);
	if (!*after)
		return true;

	return *after == '-';
}

/* "pc-q35-8.1" is a q35; what merely begins like a "pc" or "virt" is neither. */
static enum domain_machine machine_of(const char *name)
{
	static const struct {
		const char *text;
		bool anywhere;
		enum domain_machine machine;
	} rows[] = {
		{ "q35",  true,  DOMAIN_MACHINE_Q35 },
		{ "virt", false, DOMAIN_MACHINE_VIRT },
		{ "pc",   false, DOMAIN_MACHINE_PC },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (is_version_of(name, rows[i].text))
			return rows[i].machine;
		if (rows[i].anywhere && strstr(name, rows[i].text))
			return rows[i].machine;
	}

	if (*name)
		return DOMAIN_MACHINE_OTHER;

	return DOMAIN_MACHINE_PC;
}

/* Where the request names a datastore, its path is right; otherwise it is made of its id. */
static char *directory_of(const TmplVm *vm, const char *id)
{
	const TmplAttr *base = tmpl_set_single(vm->datastore, "BASE_PATH");
	g_autofree char *stores = NULL;

	if (base)
		return g_strconcat(base->value, "/", id, NULL);

	stores = conf_path_var("datastores");

	return g_build_filename(stores, tmpl_vm_history(vm, "DS_ID"), id, NULL);
}

/* "auto" queues need a number of vCPUs: if the VM has no VCPU, VCPU_MAX is used. */
static void init_vcpus(DomainBuild *b)
{
	if (!domain_number(b, NULL, "VCPU", TMPL_IN_ALL, RANGE(1, G_MAXUINT16), &b->vcpus))
		domain_number(b, NULL, "VCPU_MAX", TMPL_IN_ALL, RANGE(1, G_MAXUINT16), &b->vcpus);
}

static void init_sd_bus(DomainBuild *b)
{
	static const char *const buses[] = { "scsi", "sata", NULL };

	const char *bus = domain_word(b, NULL, "OS/SD_DISK_BUS", TMPL_IN_ALL, buses);

	/* libvirt takes the same by the disk's name. */
	if (bus)
		b->sd_bus = bus;
	else
		b->sd_bus = "scsi";
	b->names_sd_bus = bus != NULL;
}

/* Both machines have PCI Express only, and no IDE. */
static void set_machine(DomainBuild *b, const char *name)
{
	b->machine = machine_of(name);
	b->pcie = b->machine == DOMAIN_MACHINE_Q35 || b->machine == DOMAIN_MACHINE_VIRT;
}

/* The running domain takes precedence over its template, which may have changed since. */
static void init_live(DomainBuild *b)
{
	g_autofree char *threads = NULL, *vcpus = NULL, *machine = NULL;
	const xmlNode *live = NULL;

	if (b->attach)
		live = b->attach->live;
	if (!live)
		return;

	threads = xml_child_text(live, "iothreads");
	vcpus = xml_child_text(live, "vcpu");
	machine = xml_attribute(xml_child(xml_child(live, "os"), "type"), "machine");

	b->iothreads = 0;
	if (threads)
		number_unsigned(threads, 0, G_MAXUINT16, &b->iothreads, NULL);
	if (vcpus && !b->vcpus)
		number_unsigned(vcpus, 1, G_MAXUINT16, &b->vcpus, NULL);
	if (machine)
		set_machine(b, machine);
}

void domain_build_init(DomainBuild *b, const TmplVm *vm, const struct domain_options *options,
		       const struct domain_attach *attach, GPtrArray *warnings)
{
	const char *text;
	guint64 id;

	*b = (DomainBuild){
		.vm = vm, .options = options, .attach = attach, .warnings = warnings,
		.next_iothread = 1
	};
	b->problems = g_ptr_array_new_with_free_func(g_free);
	b->raw = g_ptr_array_new();
	b->id = tmpl_vm_header(vm, "ID");

	if (!number_unsigned(b->id, 0, G_MAXINT32, &id, NULL))
		domain_problem(b, NULL, "ID = '%s': not a number", b->id);
	text = domain_text(b, NULL, "OS/ARCH", TMPL_IN_ALL);
	if (text)
		b->arch = text;
	else
		b->arch = "";
	text = domain_text(b, NULL, "OS/MACHINE", TMPL_IN_ALL);
	if (text)
		b->machine_name = text;
	else
		b->machine_name = "";
	set_machine(b, b->machine_name);
	b->directory = directory_of(vm, b->id);
	init_vcpus(b);
	init_sd_bus(b);
	domain_number(b, NULL, "FEATURES/IOTHREADS", TMPL_IN_ALL,
		      RANGE(0, G_MAXUINT16), &b->iothreads);
	domain_number(b, NULL, "MEMORY", TMPL_IN_VM, RANGE(1, G_MAXINT64 / 1024), &b->memory_mib);
	init_live(b);
}

void domain_build_clear(DomainBuild *b)
{
	g_clear_pointer(&b->directory, g_free);
	g_clear_pointer(&b->problems, g_ptr_array_unref);
	g_clear_pointer(&b->raw, g_ptr_array_unref);
}

/* One line, since it becomes the VM's ERROR attribute: a long one would be cut. */
bool domain_build_check(const DomainBuild *b, GError **error)
{
	guint n = MIN(b->problems->len, DOMAIN_PROBLEMS_MAX);
	GString *text;

	if (!n)
		return true;

	text = g_string_new(NULL);
	for (guint i = 0; i < n; i++)
		g_string_append_printf(text, "%s%s", i ? "; " : "",
				       (const char *)b->problems->pdata[i]);
	if (b->problems->len > n)
		g_string_append_printf(text, "; and %u more", b->problems->len - n);
	vmm_fail(error, VMM_ERROR_INPUT, "VM %s: %s", b->id, text->str);
	g_string_free(text, TRUE);

	return false;
}

/* OpenNebula's users know a device by its id. */
char *domain_device_name(const TmplAttr *device)
{
	static const char *const ids[] = { "DISK_ID", "NIC_ID", "PCI_ID", "NODE_ID", NULL };

	for (const char *const *id = ids; *id; id++) {
		const char *text = tmpl_attr_text(device, *id);

		if (text)
			return g_strdup_printf("%s %s", device->name, text);
	}

	return g_strdup(device->name);
}

static void note(DomainBuild *b, const TmplAttr *device, const char *text)
{
	g_autofree char *name = NULL, *all = NULL;

	if (device) {
		name = domain_device_name(device);
		all = g_strconcat(name, ": ", text, NULL);
	} else {
		all = g_strdup(text);
	}

	/* Several families may look at one attribute. */
	if (!g_ptr_array_find_with_equal_func(b->problems, all, g_str_equal, NULL))
		g_ptr_array_add(b->problems, g_steal_pointer(&all));
}

void domain_problem(DomainBuild *b, const TmplAttr *device, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list ap;

	va_start(ap, format);
	text = g_strdup_vprintf(format, ap);
	va_end(ap);
	note(b, device, text);
}

void domain_bad_value(DomainBuild *b, const TmplAttr *device, const char *path,
		      const struct tmpl_hit *hit, const char *reason, ...)
{
	g_autofree char *place = tmpl_hit_place(hit);
	g_autofree char *value = g_utf8_make_valid(hit->text, -1);
	g_autofree char *why = NULL, *text = NULL;
	const char *slash = strchr(path, '/');
	va_list ap;

	va_start(ap, reason);
	why = g_strdup_vprintf(reason, ap);
	va_end(ap);

	/* note() names the device. */
	if (device && slash)
		path = slash + 1;
	text = g_strdup_printf("%s = '%.200s' (%s): %s", path, value, place, why);
	note(b, device, text);
}

/* An older libvirt ignores elements which it does not know: the VM would run without them. */
bool domain_has_gate(const DomainBuild *b, struct domain_gate gate)
{
	g_autofree char *name = NULL, *value = NULL;

	if (!b->options->schemas || !gate.word)
		return b->options->libvirt >= gate.since;
	name = g_strdup_printf("name=\"%s\"", gate.word);
	value = g_strdup_printf("<value>%s</value>", gate.word);

	return strstr(b->options->schemas, name) || strstr(b->options->schemas, value);
}

bool domain_needs(DomainBuild *b, const TmplAttr *device, const char *what,
		  struct domain_gate gate)
{
	unsigned long since = gate.since;

	if (domain_has_gate(b, gate))
		return true;
	if (since == DOMAIN_LIBVIRT_NONE)
		domain_problem(b, device, "%s needs a libvirt whose schema has it", what);
	else
		domain_problem(b, device, "%s needs a host with libvirt %lu.%lu.%lu or later", what,
			       since / 1000000, since / 1000 % 1000, since % 1000);

	return false;
}

void domain_warn(DomainBuild *b, const char *format, ...)
{
	va_list ap;

	if (!b->warnings)
		return;

	va_start(ap, format);
	g_ptr_array_add(b->warnings, g_strdup_vprintf(format, ap));
	va_end(ap);
}

const char *domain_text(DomainBuild *b, const TmplAttr *device, const char *path, unsigned levels)
{
	struct tmpl_hit hit;

	if (tmpl_vm_find(b->vm, device, path, levels, &hit))
		return hit.text;

	return NULL;
}

bool domain_number(DomainBuild *b, const TmplAttr *device, const char *path, unsigned levels,
		   struct number_range range, guint64 *ret)
{
	struct tmpl_hit hit;

	if (!tmpl_vm_find(b->vm, device, path, levels, &hit))
		return false;
	if (number_unsigned(hit.text, range.min, range.max, ret, NULL))
		return true;

	*ret = range.min;
	domain_bad_value(b, device, path, &hit, "not a whole number from %" G_GUINT64_FORMAT
			 " to %" G_GUINT64_FORMAT, range.min, range.max);

	return true;
}

bool domain_bool(DomainBuild *b, const TmplAttr *device, const char *path, unsigned levels)
{
	struct tmpl_hit hit;
	bool value = false;

	if (tmpl_vm_find(b->vm, device, path, levels, &hit) &&
	    !number_bool(hit.text, &value, NULL))
		domain_bad_value(b, device, path, &hit, "not yes or no");

	return value;
}

const char *domain_pick(const char *const *words, const char *text, char **reason)
{
	g_autofree char *all = NULL;

	for (const char *const *w = words; *w; w++)
		if (!g_ascii_strcasecmp(*w, text))
			return *w;
	all = g_strjoinv(", ", (char **)words);
	*reason = g_strdup_printf("not one of %s", all);
	return NULL;
}

const char *domain_word(DomainBuild *b, const TmplAttr *device, const char *path, unsigned levels,
			const char *const *words)
{
	g_autofree char *reason = NULL;
	const char *word;
	struct tmpl_hit hit;

	if (!tmpl_vm_find(b->vm, device, path, levels, &hit))
		return NULL;

	word = domain_pick(words, hit.text, &reason);
	if (!word)
		domain_bad_value(b, device, path, &hit, "%s", reason);

	return word;
}

bool domain_queues(DomainBuild *b, const TmplAttr *device, const char *path, unsigned levels,
		   guint64 *ret)
{
	struct tmpl_hit hit;

	if (!tmpl_vm_find(b->vm, device, path, levels, &hit))
		return false;
	if (!g_ascii_strcasecmp(hit.text, "auto")) {
		*ret = MIN(b->vcpus, DOMAIN_QUEUES_MAX);
		return b->vcpus > 0;
	}

	if (number_unsigned(hit.text, 0, DOMAIN_QUEUES_MAX, ret, NULL))
		return true;

	domain_bad_value(b, device, path, &hit, "not auto or a number up to %d", DOMAIN_QUEUES_MAX);

	return false;
}

const char *domain_or(const char *text, const char *otherwise)
{
	if (text)
		return text;

	return otherwise;
}

xmlNode *domain_element(xmlNode *parent, const char *name)
{
	return xmlNewChild(parent, NULL, BAD_CAST name, NULL);
}

xmlNode *domain_child(xmlNode *parent, const char *name)
{
	for (xmlNode *n = xmlLastElementChild(parent); n; n = xmlPreviousElementSibling(n))
		if (xmlStrEqual(n->name, BAD_CAST name))
			return n;
	return domain_element(parent, name);
}

/* XML has no escape for most control characters: libxml2 would write them, and libvirt fail. */
static bool is_xml_text(const char *text)
{
	if (!g_utf8_validate(text, -1, NULL))
		return false;

	for (const char *p = text; *p; p = g_utf8_next_char(p))
		if (!IS_CHAR(g_utf8_get_char(p)))
			return false;

	return true;
}

bool domain_check_text(DomainBuild *b, const xmlNode *node, const char *text)
{
	if (is_xml_text(text))
		return true;
	domain_problem(b, NULL, "a value for <%s> holds a character that XML cannot hold",
		       node->name);

	return false;
}

void domain_set(DomainBuild *b, xmlNode *node, const char *name, const char *value)
{
	if (domain_check_text(b, node, value))
		xmlSetProp(node, BAD_CAST name, BAD_CAST value);
}

/* No check: digits are always text that XML can hold. */
void domain_set_number(xmlNode *node, const char *name, guint64 value)
{
	char text[24];

	g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, value);
	xmlSetProp(node, BAD_CAST name, BAD_CAST text);
}

/* Added, not set: xmlNodeSetContent() would read entities in it. */
void domain_set_text(DomainBuild *b, xmlNode *node, const char *text)
{
	if (domain_check_text(b, node, text))
		xmlNodeAddContent(node, BAD_CAST text);
}

xmlNode *domain_text_element(DomainBuild *b, xmlNode *parent, const char *name, const char *text)
{
	xmlNode *node = domain_element(parent, name);

	domain_set_text(b, node, text);
	return node;
}

char *domain_print(const xmlNode *node)
{
	xmlBuffer *buffer = xmlBufferCreate();
	xmlSaveCtxt *save = xmlSaveToBuffer(buffer, "UTF-8",
					    XML_SAVE_FORMAT | XML_SAVE_NO_DECL | XML_SAVE_AS_XML);
	char *text;

	xmlSaveTree(save, (xmlNode *)node);
	xmlSaveClose(save);
	text = g_strconcat((const char *)xmlBufferContent(buffer), "\n", NULL);
	xmlBufferFree(buffer);

	return text;
}
