/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/domain.h"

#include "template/attributes.h"
#include "xml/xml.h"

/*
 * Any string in any attribute at any level gives an error, or well-formed XML in
 * which that string stands, as it is, at the place of that attribute and nowhere
 * else. The mark in each string finds it wherever it got to.
 */

#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 5000
#else
#define ROUNDS 100000
#endif
#define LONG_EVERY 2500		/* rounds */
#define LONG_BYTES (1 << 20)
#define MARK "Zq7"

enum how {
	EXACT,
	LINE,	/* without line ends */
	WORD,	/* one of its words */
	XML,	/* the string is XML itself: only that the whole is well-formed */
};

/* "{}" in PLACES is the string; several places are divided by blanks. */
struct subject {
	const char *vector, *key;
	const char *with;	/* more keys of the vector: "KEY=VALUE …" */
	const char *places;	/* "PARENT/ELEMENT", "ELEMENT@ATTRIBUTE" */
	const char *before, *after;	/* what is put around the string */
	enum how how;
};

#define RBD "TYPE=RBD CEPH_HOST=h"
#define AUTH "TYPE=ISCSI ISCSI_HOST=h "

static const struct subject subjects[] = {
	{ NULL,        "EMULATOR",      "", "devices/emulator", "", "", EXACT },
	{ NULL,        "EVC_MODE",      "", "cpu/model", "", "", EXACT },
	{ "OS",        "KERNEL",        "", "os/kernel", "/", "", EXACT },
	{ "OS",        "INITRD",        "KERNEL=/k", "os/initrd", "/", "", EXACT },
	{ "OS",        "KERNEL_CMD",    "KERNEL=/k", "os/cmdline", "", "", EXACT },
	{ "OS",        "KERNEL_CMD",    "KERNEL=/k ROOT=sda", "os/cmdline", "root=/dev/sda ", "",
	  EXACT },
	{ "OS",        "ROOT",          "KERNEL=/k", "os/cmdline", "root=/dev/", "", EXACT },
	{ "CPU_MODEL", "MODEL",         "", "cpu/model", "", "", EXACT },
	{ "CPU_MODEL", "MODELS",        "", "cpu/model", "", "", WORD },
	{ "DISK",      "SOURCE",        RBD, "source@name", "", "", EXACT },
	{ "DISK",      "SOURCE",        RBD " CLONE=YES", "source@name", "", "-7-0", EXACT },
	{ "DISK",      "SOURCE",        "TYPE=SHEEPDOG SHEEPDOG_HOST=h", "source@name", "", "",
	  EXACT },
	{ "DISK",      "SOURCE",        AUTH, "source@name", "", "", EXACT },
	{ "DISK",      "POOL_NAME",     RBD, "source@name", "", "/one-sys-7-0", EXACT },
	{ "DISK",      "CEPH_USER",     RBD " CEPH_SECRET=s", "auth@username", "", "", EXACT },
	{ "DISK",      "CEPH_SECRET",   RBD " CEPH_USER=u", "secret@uuid", "", "", EXACT },
	{ "DISK",      "ISCSI_IQN",     AUTH, "source@name", "", "", EXACT },
	{ "DISK",      "ISCSI_USER",    AUTH "ISCSI_USAGE=x", "auth@username", "", "", EXACT },
	{ "DISK",      "ISCSI_USAGE",   AUTH "ISCSI_USER=x", "secret@usage", "", "", EXACT },
	{ "DISK",      "GLUSTER_VOLUME", "TYPE=GLUSTER SOURCE=a/b GLUSTER_HOST=h", "source@name",
	  "", "/b", EXACT },
	{ "DISK",      "MOUNT_TAG",     "TYPE=FILESYSTEM SOURCE=/s", "target@dir", "", "", EXACT },
	{ "DISK",      "SOURCE",        "TYPE=FILESYSTEM MOUNT_TAG=t", "source@dir", "/", "",
	  EXACT },
	{ "DISK",      "SERIAL",        "", "disk/serial", "", "", EXACT },
	{ "NIC",       "BRIDGE",        "", "source@bridge", "", "", EXACT },
	{ "NIC",       "SCRIPT",        "", "script@path", "/", "", EXACT },
	{ "NIC",       "FILTER",        "IP=10.0.0.1", "filterref@filter", "", "", EXACT },
	{ "NIC",       "IP",            "FILTER=f", "parameter@value", "", "", EXACT },
	{ "NIC",       "VROUTER_IP",    "FILTER=f IP=1", "parameter@value", "", "", EXACT },
	{ "NIC",       "IP6_ULA",       "FILTER=f", "parameter@value", "", "", EXACT },
	{ "GRAPHICS",  "PASSWD",        "TYPE=vnc", "graphics@passwd", "", "", EXACT },
	{ "HEADER",    "NAME",          "", "domain/title", "", "", LINE },
	{ "HEADER",    "UNAME",         "", "vm/uname", "", "", EXACT },
	{ "HEADER",    "GNAME",         "", "vm/gname", "", "", EXACT },
	{ "HEADER",    "STIME",         "", "vm/stime", "", "", EXACT },
	{ "DATASTORE", "BASE_PATH",     "", "vm/system_datastore", "", "/7", EXACT },
	{ NULL,        "SPICE_OPTIONS", "", "", "", "", XML },
	{ NULL,        "HYPERV_OPTIONS", "", "", "", "", XML },
	{ NULL,        "HYPERV_TIMERS", "", "", "", "", XML },
	{ NULL,        "RAW",           "", "", "", "", XML },
	{ "RAW",       "DATA",          "TYPE=kvm VALIDATE=no", "", "", "", XML },
};

/* Attributes of a VM that have no free text, beside those of a defaults file. */
static const char *const others[] = {
	"/CPU", "/MEMORY", "/MEMORY_MAX", "/MEMORY_RESIZE_MODE", "OS/UUID", "DISK/DISK_ID",
	"DISK/TARGET", "DISK/TYPE", "DISK/DISK_TYPE", "DISK/ORDER", "DISK/READONLY",
	"DISK/SHAREABLE", "DISK/CLONE", "DISK/LUKS_SECRET", "DISK/IOTHREAD",
	"DISK/VIRTIO_BLK_QUEUES", "NIC/MAC", "NIC/TARGET", "NIC/ORDER", "NIC/BRIDGE_TYPE",
	"NIC/NETWORK_MODE", "NIC/INBOUND_AVG_BW", "NIC/INBOUND_PEAK_KW", "NIC/OUTBOUND_PEAK_BW",
	"PCI/DOMAIN", "PCI/BUS", "PCI/SLOT", "PCI/FUNCTION", "PCI/UUID", "PCI/MDEV_MODE",
	"PCI/VM_BUS", "PCI/VM_BUS_INDEX", "PCI/ACPI_NODES", "PCI/IOMMUFD", "PCI/ROOT",
	"PCI/VENDOR", "PCI/DEVICE", "PCI/CLASS",
	"TOPOLOGY/SOCKETS", "TOPOLOGY/PIN_POLICY", "TOPOLOGY/NODE_AFFINITY",
	"TOPOLOGY/HUGEPAGE_SIZE", "TOPOLOGY/MEMORY_ACCESS", "NUMA_NODE/TOTAL_CPUS",
	"NUMA_NODE/MEMORY", "NUMA_NODE/CPUS", "NUMA_NODE/MEMORY_NODE_ID", "NUMA_NODE/DISTANCE",
	"GRAPHICS/PORT", "INPUT/TYPE", "INPUT/BUS", "IOMMU/MODEL", "IOMMU/MODE", "IOMMU/OPTIONS",
	"MEMORY_ENCRYPTION/TYPE", "MEMORY_ENCRYPTION/POLICY", "RAW/TYPE", "RAW/VALIDATE",
	"CONTEXT/TARGET", "CONTEXT/DISK_ID", "HEADER/ID", "HEADER/UID", "HEADER/GID",
	"DATASTORE/CONTEXT_DISK_TYPE",
};

/* May stand where it is put, though it has to look like something. */
static const struct subject typed[] = {
	{ "OS",     "ARCH",    "", "type@arch",        "", "", EXACT },
	{ "OS",     "MACHINE", "", "type@machine",     "", "", EXACT },
	{ "DISK",   "TARGET",  "", "target@dev",       "", "", EXACT },
	{ "CONTEXT", "TARGET", "", "target@dev",       "", "", EXACT },
	{ "NIC",    "TARGET",  "", "target@dev",       "", "", EXACT },
	{ "NIC",    "MODEL",   "", "model@type",       "", "", EXACT },
	{ "GRAPHICS", "LISTEN", "", "graphics@listen", "", "", EXACT },
	{ "GRAPHICS", "KEYMAP", "", "graphics@keymap", "", "", EXACT },
	{ "HEADER", "UID",     "", "vm/uid",           "", "", EXACT },
	{ "HEADER", "GID",     "", "vm/gid",           "", "", EXACT },
};

static GArray *all_subjects(void)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(struct subject));
	const char *vector, *name;

	g_array_append_vals(all, subjects, G_N_ELEMENTS(subjects));
	g_array_append_vals(all, typed, G_N_ELEMENTS(typed));
	for (size_t i = 0; (name = tmpl_attributes_row(i, &vector)); i++) {
		struct subject s = { vector, name, "", NULL, "", "", EXACT };

		g_array_append_val(all, s);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
		const char *slash = strchr(others[i], '/');
		char *of = g_strndup(others[i], (gsize)(slash - others[i]));
		struct subject s = { *of ? g_intern_string(of) : NULL, slash + 1, "", NULL, "", "",
				     EXACT };

		g_array_append_val(all, s);
		g_free(of);
	}
	return all;
}

/* The row that says where S's text may stand; S itself, or a row of it that does. */
static const struct subject *place_of(const struct subject *s)
{
	if (s->places)
		return s;
	for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++)
		if (!g_strcmp0(subjects[i].vector, s->vector) && !strcmp(subjects[i].key, s->key))
			return &subjects[i];
	for (size_t i = 0; i < G_N_ELEMENTS(typed); i++)
		if (!g_strcmp0(typed[i].vector, s->vector) && !strcmp(typed[i].key, s->key))
			return &typed[i];
	return s;
}

static char *random_string(GRand *rand, bool big)
{
	static const char *const pieces[] = {
		"'", "\"", "<", ">", "&", "]]>", "<!--", "-->", "\n", "\t", "\r", "\r\n", " ", "a",
		"0", "-", "/", "../", "&amp;", "&#0;", "<x/>", "<![CDATA[", "%s%n", "$(x)", "é",
		"🐧", "\xef\xbf\xbd", ",", ":", "=", "</domain>", "yes", "16",
	};
	static const char *const bad[] = {
		"\x01", "\xff", "\xed\xa0\x80", "\xef\xbf\xbe", "\x0b", "\xc3", "\x1f",
	};
	GString *text = g_string_new(NULL);
	int n = g_rand_int_range(rand, 0, 8);

	for (int i = 0; i <= n; i++)
		g_string_append(text, pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))]);
	if (g_rand_int_range(rand, 0, 8) == 0)
		g_string_append(text, bad[g_rand_int_range(rand, 0, G_N_ELEMENTS(bad))]);
	if (g_rand_int_range(rand, 0, 4) == 0)	/* what a typed attribute may take */
		g_string_assign(text, g_rand_boolean(rand) ? "a" : "");
	while (big && text->len < LONG_BYTES)
		g_string_append(text, text->len ? text->str : "x");
	return g_string_free(g_string_append(text, MARK), FALSE);
}

static void put_single(TmplSet *set, const char *name, const char *text)
{
	g_ptr_array_insert(set->attrs, 0, tmpl_attr_new(g_strdup(name), g_strdup(text)));
}

static void put_key(TmplSet *set, const char *vector, const char *key, const char *text)
{
	TmplAttr *found = (TmplAttr *)tmpl_set_vector(set, vector);

	if (!found) {
		found = tmpl_attr_new(g_strdup(vector), NULL);
		g_ptr_array_add(set->attrs, found);
	}
	g_ptr_array_insert(found->keys, 0, tmpl_attr_new(g_strdup(key), g_strdup(text)));
}

static void put(TmplVm *vm, TmplSet *set, const struct subject *s, const char *text)
{
	g_auto(GStrv) with = g_strsplit(s->with, " ", -1);

	for (char **w = with; *w; w++) {
		g_auto(GStrv) pair = g_strsplit(*w, "=", 2);

		if (**w)
			put_key(vm->level[TMPL_VM], s->vector, pair[0], pair[1]);
	}
	if (!s->vector)
		put_single(set, s->key, text);
	else if (!strcmp(s->vector, "HEADER"))
		put_single(vm->header, s->key, text);
	else if (!strcmp(s->vector, "DATASTORE"))
		put_single(vm->datastore, s->key, text);
	else
		put_key(set, s->vector, s->key, text);
}

/* A small VM that has one of each, and a site that says as little as it can. */
static TmplVm *new_vm(void)
{
	static const char text[] =
		"<VM><ID>7</ID><NAME>n</NAME><TEMPLATE><MEMORY>512</MEMORY></TEMPLATE></VM>";
	g_autoptr(xmlDoc) doc = xml_parse(text, sizeof text - 1, "test", NULL);
	TmplVm *vm = tmpl_vm_new(xmlDocGetRootElement(doc), NULL);

	for (int i = TMPL_HOST; i < TMPL_LEVELS; i++)
		tmpl_vm_set_level(vm, (enum tmpl_level)i, tmpl_set_new("site"));
	vm->datastore = tmpl_set_new("datastore");
	put_key(vm->level[TMPL_VM], "DISK", "DISK_ID", "0");
	put_key(vm->level[TMPL_VM], "DISK", "TARGET", "vda");
	put_key(vm->level[TMPL_VM], "NIC", "NIC_ID", "0");
	put_key(vm->level[TMPL_CONF], "OS", "ARCH", "x86_64");
	put_key(vm->level[TMPL_CONF], "OS", "MACHINE", "pc");
	put_key(vm->level[TMPL_VM], "GRAPHICS", "TYPE", "spice");
	return vm;
}

static char *expected(const struct subject *s, const char *text)
{
	char *all = g_strconcat(s->before, text, s->after, NULL);

	if (s->how == LINE)
		g_strdelimit(all, "\r\n", ' ');
	return all;
}

struct look {
	const struct subject *subject;
	const char *text;
	guint found;
};

static bool holds_mark(const char *value)
{
	g_autofree char *lower = g_ascii_strdown(value, -1);

	return strstr(lower, "zq7");
}

/* VALUE stands at PLACE: whether it may. */
static void judge(struct look *l, const char *place, const char *value)
{
	g_auto(GStrv) places = g_strsplit(l->subject->places ? l->subject->places : "", " ", -1);
	g_autofree char *wanted = NULL;

	if (!holds_mark(value) || l->subject->how == XML)
		return;
	/* Paths and names of the VM are of many parts; titles stand twice. */
	if (!g_strcmp0(l->subject->key, "BASE_PATH") && strstr(value, l->text))
		return;
	if (!g_strcmp0(l->subject->key, "NAME") && !strcmp(place, "vm/name")) {
		g_assert_cmpstr(value, ==, l->text);
		return;
	}
	wanted = expected(l->subject, l->text);
	if (!g_strv_contains((const char *const *)places, place))
		g_error("%s/%s: its text got to %s", l->subject->vector, l->subject->key, place);
	if (l->subject->how == WORD)
		g_assert_nonnull(strstr(l->text, value));
	else
		g_assert_cmpstr(value, ==, wanted);
	l->found++;
}

static void walk(struct look *l, const xmlNode *node)
{
	const xmlNode *parent = node->parent;
	g_autofree char *place =
		g_strdup_printf("%s/%s", parent->name ? (const char *)parent->name : "",
				(const char *)node->name);
	g_autofree char *text = xmlFirstElementChild((xmlNode *)node) ? NULL : xml_text(node);

	for (const xmlAttr *a = node->properties; a; a = a->next) {
		g_autofree char *at = g_strdup_printf("%s@%s", node->name, a->name);
		g_autoptr(xmlChar) value = xmlGetProp((xmlNode *)node, a->name);

		judge(l, at, (const char *)value);
	}
	if (text)
		judge(l, place, text);
	for (const xmlNode *n = node->children; n; n = n->next)
		if (n->type == XML_ELEMENT_NODE)
			walk(l, n);
}

static bool try_string(const struct subject *s, GRand *rand, bool big)
{
	static const struct domain_policy policy = {
		.kernel_paths = "/", .script_paths = "/", .host_paths = "/",
		.qemu_commandline = true, .seclabel = true, .host_devices = true, .schema = "",
	};
	const struct domain_options options = { .libvirt = DOMAIN_LIBVIRT(12, 4, 0),
						.policy = &policy };
	g_autoptr(TmplVm) vm = new_vm();
	g_autofree char *text = random_string(rand, big);
	const struct subject *place = place_of(s);
	g_autofree char *given = g_strconcat(*place->before == '/' ? "/" : "", text, NULL);
	int level = s->vector ? TMPL_VM : g_rand_int_range(rand, TMPL_VM, TMPL_LEVELS);
	struct look l = { place, text, 0 };
	g_autofree char *xml = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(xmlDoc) doc = NULL;

	if (g_rand_int_range(rand, 0, 3) == 0)	/* keys have levels too */
		level = g_rand_int_range(rand, TMPL_VM, TMPL_LEVELS);
	put(vm, vm->level[level], s, given);
	xml = domain_xml(vm, &options, NULL, &error);
	if (!xml) {
		g_assert_error(error, VMM_ERROR, VMM_ERROR_INPUT);
		return false;
	}
	doc = xml_parse(xml, strlen(xml), "domain", &error);
	g_assert_no_error(error);
	walk(&l, xmlDocGetRootElement(doc));
	return l.found;
}

static void any_string_in_any_attribute(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	g_autoptr(GArray) all = all_subjects();
	g_autofree guint *found = g_new0(guint, all->len);

	for (guint i = 0; i < ROUNDS; i++) {
		guint n = i % all->len;

		found[n] += try_string(&g_array_index(all, struct subject, n), rand,
				       i % LONG_EVERY == 0);
	}
	/* Each of those with free text got it to its place at least once. */
	for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++)
		if (subjects[i].how != XML && strcmp(subjects[i].key, "SERIAL") != 0 &&
		    strcmp(subjects[i].key, "BASE_PATH") != 0)
			g_assert_cmpuint(found[i], >, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/domain/any-string-in-any-attribute", any_string_in_any_attribute);
	return g_test_run();
}
