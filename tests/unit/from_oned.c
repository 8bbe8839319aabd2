/* SPDX-License-Identifier: Apache-2.0 */
/*
 * from_oned - a host that knows the VM and oned's domain, but neither host nor cluster, makes the
 * domain that the front-end makes of all of them. Of each golden case.
 */
#include "domain/from_oned.h"

#include "domain/oned_parts.h"
#include "template/defaults.h"

#define DATA "tests/data/domain"

struct golden {
	const char *directory;
	char *site, *conf;
};

static const struct domain_policy allow = {
	"/", "/", "/", true, true, true, "/usr/share/libvirt/schemas/domain.rng", "*", "*", "*", "*"
};

static char *in_top(const char *path)
{
	const char *top = g_getenv("TOP");

	return g_build_filename(top ? top : ".", path, NULL);
}

static xmlDoc *read_document(const char *directory, const char *name)
{
	g_autofree char *path = g_build_filename(directory, name, NULL), *text = NULL;
	gsize len;

	if (!g_file_get_contents(path, &text, &len, NULL))
		return NULL;

	return xml_parse(text, len, path, NULL);
}

static void add_level(TmplVm *vm, const char *site, const char *name, enum tmpl_level level)
{
	g_autoptr(xmlDoc) doc = read_document(site, name);

	if (doc)
		g_assert_true(tmpl_vm_set_object(vm, level, xmlDocGetRootElement(doc), NULL));
}

/* SITE: with what host and cluster say of it; CONF: with the defaults. */
static TmplVm *vm_of(const struct golden *c, bool site, bool conf)
{
	g_autoptr(xmlDoc) doc = read_document(c->directory, "vm.xml");
	g_autoptr(xmlDoc) datastore = read_document(c->site, "datastore.xml");
	TmplVm *vm = tmpl_vm_of_document(doc, "vm.xml", NULL);

	if (datastore)
		tmpl_vm_set_datastore(vm, xmlDocGetRootElement(datastore), NULL);
	if (site)
		add_level(vm, c->site, "host.xml", TMPL_HOST);
	if (site)
		add_level(vm, c->site, "cluster.xml", TMPL_CLUSTER);
	if (conf)
		tmpl_vm_set_level(vm, TMPL_CONF, tmpl_defaults_read(c->conf, NULL));

	return vm;
}

/* For a VM without a VRAM oned writes the number it read last: none can see that. */
static void assert_within(const char *name, const xmlDoc *a, const xmlDoc *b, bool made)
{
	g_autoptr(GPtrArray) rest = oned_compare(xmlDocGetRootElement(a), xmlDocGetRootElement(b));

	for (guint i = 0; i < rest->len; i++) {
		const struct oned_rest *r = rest->pdata[i];

		if (made && g_str_equal(r->place, "devices/video/model@vram"))
			continue;
		g_test_message("%s: %s", name, r->place);
		g_test_fail();
	}
}

/* How many of both are built; refused here is only what the front-end refuses. */
static guint compare_case(const struct golden *c, bool conf)
{
	const struct domain_options options = { .policy = &allow };
	g_autoptr(xmlDoc) oned = read_document(c->directory, "expected.xml");
	g_autoptr(TmplVm) all = vm_of(c, true, true), vm = vm_of(c, false, conf);
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(g_free);
	const struct oned_notes notes = { warnings, changes };
	g_autoptr(xmlDoc) made = NULL, full = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = NULL;

	if (!oned)	/* oned refused it, or wrote what is no XML */
		return 0;
	xml = domain_xml(all, &options, NULL, NULL);
	if (!domain_from_oned(vm, xmlDocGetRootElement(oned), &options, &notes, &made, &error)) {
		g_assert_null(xml);
		return 0;
	}

	if (!made) {
		g_test_message("%s: oned's is kept", c->directory);
		g_test_fail();
	}

	/* FEATURES of the host's, without a MODEL, are nobody's: oned has dropped them. */
	if (!xml || !made)
		return 0;
	full = xml_parse(xml, strlen(xml), "full", NULL);
	assert_within(c->directory, full, made, false);
	assert_within(c->directory, made, full, true);

	return 1;
}

static guint run_case(const char *directory, bool conf)
{
	g_autofree char *file = g_build_filename(directory, "case", NULL), *text = NULL;
	g_autofree char *sites = in_top(DATA "/sites"), *confs = in_top(DATA "/conf");
	char site[100], name[100];
	struct golden c = { directory, NULL, NULL };
	guint n;

	g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
	g_assert_cmpint(sscanf(text, "site=%99s conf=%99s", site, name), ==, 2);
	c.site = g_build_filename(sites, site, NULL);
	c.conf = g_build_filename(confs, name, NULL);
	n = compare_case(&c, conf);
	g_free(c.site);
	g_free(c.conf);

	return n;
}

static guint run_folder(const char *folder, bool conf)
{
	g_autofree char *path = in_top(folder);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	guint n = 0;

	g_assert_nonnull(dir);
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *directory = g_build_filename(path, name, NULL);

		n += run_case(directory, conf);
	}

	return n;
}

static void test_with_defaults(void)
{
	g_assert_cmpuint(run_folder(DATA "/cases", true), >, 150);
	g_assert_cmpuint(run_folder(DATA "/cases-random", true), >, 15);
}

static void test_without_defaults(void)
{
	g_assert_cmpuint(run_folder(DATA "/cases", false), >, 150);
	g_assert_cmpuint(run_folder(DATA "/cases-random", false), >, 15);
}

#define VM(rest) "<VM><ID>7</ID><NAME>n</NAME><TEMPLATE><MEMORY>512</MEMORY><CPU>1</CPU>" rest \
	"</TEMPLATE></VM>"
#define ONED(rest) "<domain type='qemu'><name>one-7</name><title>n</title>" \
	"<cputune><shares>1024</shares></cputune><memory>524288</memory>" \
	"<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>" \
	"<emulator>/usr/bin/qemu-kvm-one</emulator><controller type='scsi' index='0' " \
	"model='virtio-scsi'><driver queues='1'/></controller></devices>" rest \
	"<metadata><vm><system_datastore>/ds/0/7</system_datastore></vm></metadata></domain>"

/* What becomes of oned's domain; NULL: it is kept, and WARNING says why. */
static char *made_of(const char *vm_text, const char *oned_xml, const char *warning)
{
	const struct domain_options options = { .policy = &allow };
	g_autoptr(xmlDoc) document = xml_parse(vm_text, strlen(vm_text), "vm", NULL);
	g_autoptr(xmlDoc) oned = xml_parse(oned_xml, strlen(oned_xml), "oned", NULL);
	g_autoptr(TmplVm) vm = tmpl_vm_of_document(document, "vm", NULL);
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(g_free);
	const struct oned_notes notes = { warnings, changes };
	g_autoptr(xmlDoc) made = NULL;
	g_autoptr(GError) error = NULL;

	domain_from_oned(vm, xmlDocGetRootElement(oned), &options, &notes, &made, &error);
	g_assert_no_error(error);
	if (made)
		return xml_print(xmlDocGetRootElement(made));
	g_assert_cmpuint(warnings->len, ==, 1);
	g_assert_nonnull(strstr(warnings->pdata[0], warning));

	return NULL;
}

/* A RAW of the site is kept by a RAW; what stands in an element of ours is not ours to judge. */
static void test_unknown(void)
{
	static const struct { const char *oned, *holds; } rows[] = {
		{ ONED("<devices><rng model='virtio'><backend model='builtin'/></rng></devices>"),
		  "<backend model=\"builtin\"/>" },
		{ ONED("<features><kvm><hidden state='on'/></kvm></features>"), "<hidden state=" },
		{ ONED("<on_crash>destroy</on_crash>"), "<on_crash>destroy</on_crash>" },
		{ ONED("<devices><serial type='pty'/></devices>"), "<serial type=\"pty\"/>" },
	};
	static const char *const kept[] = {
		ONED("<memory>1</memory>"), ONED("<vcpu placement='auto'>2</vcpu>"),
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *xml = made_of(VM(""), rows[i].oned, "");

		g_assert_nonnull(xml);
		g_assert_nonnull(strstr(xml, rows[i].holds));
		g_assert_nonnull(strstr(xml, "/ds/0/7"));
	}

	g_assert_null(made_of(VM(""), kept[0], "does not explain its memory = 1"));
	g_assert_null(made_of(VM("<VCPU>2</VCPU>"), kept[1], "vcpu@placement = auto"));
}

/* RAW of the VM is not taken for one of the site, whatever else looks like it. */
static void test_raw(void)
{
	const char *vm = VM("<RAW><TYPE>kvm</TYPE><VALIDATE>no</VALIDATE><DATA><![CDATA[<devices>"
			    "<sound model='ich6'/></devices><features><acpi/></features>]]></DATA>"
			    "</RAW>");
	g_autofree char *xml = made_of(vm, ONED("<devices><sound model='ich6'/></devices>"
						"<features><acpi/></features>"), "");
	const char *sound;

	g_assert_nonnull(xml);
	sound = strstr(xml, "<sound ");
	g_assert_nonnull(sound);
	g_assert_null(strstr(sound + 1, "<sound "));
}

/* What a machine does not have is no attribute of the site's. */
static void test_power(void)
{
	const char *vm = VM("<CONTEXT><DISK_ID>1</DISK_ID><TARGET>hda</TARGET></CONTEXT>");
	g_auto(GStrv) part = g_strsplit(ONED("<features><acpi/></features><devices>"
		"<disk type='file' "
		"device='cdrom'><source file='/ds/0/7/disk.1'/><target dev='hda' "
		"bus='ide'/><readonly/><driver name='qemu' type='raw' "
		"cache='none'/></disk></devices>"),
		"<type arch='x86_64' machine='pc'>", 2);
	g_autofree char *oned = g_strjoinv("<type arch='ppc64le' machine='pseries'>", part);
	g_autofree char *xml = made_of(vm, oned, "");

	g_assert_nonnull(xml);
	g_assert_nonnull(strstr(xml, "<target dev=\"hda\" bus=\"scsi\"/>"));
	g_assert_null(strstr(xml, "<acpi/>"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/from_oned/with_defaults", test_with_defaults);
	g_test_add_func("/from_oned/without_defaults", test_without_defaults);
	g_test_add_func("/from_oned/unknown", test_unknown);
	g_test_add_func("/from_oned/raw", test_raw);
	g_test_add_func("/from_oned/power", test_power);

	return g_test_run();
}
