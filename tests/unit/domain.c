#include "domain/domain.h"

#include <libxml/xpath.h>

#include "tmpl/xml.h"

#define ROUNDS 3000

static const struct domain_options options = { .type = "kvm" };

/* A VM with TEMPLATE's rest given as XML, on a q35 machine. */
static TmplVm *vm_of(const char *rest)
{
	g_autofree char *text = g_strconcat(
		"<VM><ID>7</ID><NAME>n</NAME><TEMPLATE><MEMORY>512</MEMORY><OS><ARCH>x86_64</ARCH>"
		"<MACHINE>q35</MACHINE></OS>", rest, "</TEMPLATE></VM>", NULL);
	g_autoptr(xmlDoc) doc = tmpl_xml_parse(text, strlen(text), "test", NULL);

	g_assert_nonnull(doc);
	return tmpl_vm_new(xmlDocGetRootElement(doc), NULL);
}

static char *xpath(const char *xml, const char *path)
{
	g_autoptr(xmlDoc) doc = tmpl_xml_parse(xml, strlen(xml), "domain", NULL);
	xmlXPathContext *context;
	xmlXPathObject *object;
	char *text;

	g_assert_nonnull(doc);
	context = xmlXPathNewContext(doc);
	object = xmlXPathEvalExpression(BAD_CAST path, context);
	g_assert_nonnull(object);
	text = g_strdup((const char *)object->stringval);
	xmlXPathFreeObject(object);
	xmlXPathFreeContext(context);
	return text;
}

static void expect(const char *rest, const char *path, const char *value)
{
	g_autoptr(TmplVm) vm = vm_of(rest);
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = domain_xml(vm, &options, NULL, &error);
	g_autofree char *found = NULL;

	g_assert_no_error(error);
	found = xpath(xml, path);
	g_assert_cmpstr(found, ==, value);
}

#define DISK(more) "<DISK><DISK_ID>0</DISK_ID><TARGET>vda</TARGET>" more "</DISK>"

static const struct {
	const char *rest, *path, *value;
} values[] = {
	{ "<CPU>0.1</CPU>", "string(//shares)", "103" },
	{ "<CPU>0.0001</CPU>", "string(//shares)", "2" },
	{ "<CPU>1e9</CPU>", "string(//shares)", "262144" },
	{ "", "string(//shares)", "1024" },
	{ "<MEMORY_MAX>1024</MEMORY_MAX>", "string(/domain/currentMemory)", "524288" },
	{ "<MEMORY_MAX>512</MEMORY_MAX>", "string(/domain/currentMemory)", "" },
	{ "<CPU_MODEL><MODEL>host-model</MODEL></CPU_MODEL>", "string(/domain/cpu/@mode)",
	  "host-model" },
	{ "<CPU_MODEL><MODEL>m</MODEL><FEATURES>a, -b,,+c</FEATURES></CPU_MODEL>",
	  "concat(//feature[1]/@policy,//feature[2]/@name,//feature[2]/@policy,//feature[3]/@name)",
	  "requirebdisablec" },
	{ DISK("<TYPE>RBD</TYPE><SOURCE>p/i</SOURCE><CEPH_HOST>h [::1]:1 fe::2 a:2</CEPH_HOST>"),
	  "concat(//host[1]/@name,//host[1]/@port,' ',//host[2]/@name,//host[2]/@port,' ',"
	  "//host[3]/@name,//host[3]/@port,' ',//host[4]/@name,//host[4]/@port)",
	  "h6789 ::11 fe::26789 a2" },
	{ DISK("<TYPE>cdrom</TYPE>"), "string(//disk/@device)", "cdrom" },
	{ DISK("<READONLY>on</READONLY>"), "string(count(//disk/readonly))", "1" },
	{ "<DISK><DISK_ID>0</DISK_ID><TARGET>sdab</TARGET></DISK>", "string(//address/@target)",
	  "27" },
	{ "<DISK><DISK_ID>0</DISK_ID><TARGET>fda</TARGET></DISK>",
	  "concat(//disk/@device, //disk/target/@bus)", "floppyfdc" },
	{ "<OS/><FEATURES><IOTHREADS>2</IOTHREADS></FEATURES>" DISK("") DISK("") DISK(""),
	  "concat(//disk[1]/driver/@iothread,//disk[2]/driver/@iothread,//disk[3]/driver/"
	  "@iothread)",
	  "121" },
	{ "<NIC><BRIDGE>b</BRIDGE><MODEL>virtio</MODEL><VIRTIO_QUEUES>4</VIRTIO_QUEUES></NIC>",
	  "concat(//interface/@type,//interface/driver/@queues)", "bridge4" },
	{ "<NIC><INBOUND_AVG_BW>1</INBOUND_AVG_BW><INBOUND_PEAK_KW>2</INBOUND_PEAK_KW></NIC>",
	  "string(//inbound/@burst)", "2" },
	{ "<MEMORY_ENCRYPTION><TYPE>sev</TYPE></MEMORY_ENCRYPTION>", "string(//hard_limit)",
	  "768" },
};

static void values_become_xml(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
		expect(values[i].rest, values[i].path, values[i].value);
}

static const struct {
	const char *rest, *message;
} faults[] = {
	{ "<VCPU>0</VCPU>", "VCPU = '0' (VM 7): not a whole number from 1 to 65535" },
	{ "<CPU>two</CPU>", "CPU = 'two' (VM 7): not a number above 0" },
	{ "<FEATURES><ACPI>maybe</ACPI></FEATURES>",
	  "FEATURES/ACPI = 'maybe' (VM 7): not yes or no" },
	{ "<DISK><TARGET>vda</TARGET></DISK>", "DISK: DISK_ID is missing" },
	{ "<DISK><DISK_ID>1</DISK_ID></DISK>", "DISK 1: TARGET is missing" },
	{ DISK("<TYPE>TAPE</TYPE>"), "DISK 0: TYPE = 'TAPE': no kind of disk that is known" },
	{ DISK("<READ_BYTES_SEC>10M</READ_BYTES_SEC>"),
	  "DISK 0: READ_BYTES_SEC = '10M' (VM 7): not a whole number from 0 to "
	  "9223372036854775807" },
	{ "<NIC><NIC_ID>1</NIC_ID><MAC>02:00:zz:00:00:00</MAC></NIC>",
	  "NIC 1: MAC = '02:00:zz:00:00:00' (VM 7): not a MAC address" },
	{ "<MEMORY_ENCRYPTION><TYPE>TDX</TYPE></MEMORY_ENCRYPTION>",
	  "MEMORY_ENCRYPTION: TYPE = 'TDX' is not supported yet, only SEV and SEV-ES" },
	{ "<RAW><TYPE>kvm</TYPE><DATA>text</DATA></RAW>", "RAW: text between elements" },
	{ "<RAW><TYPE>kvm</TYPE><DATA>&lt;devices>&lt;evil/>&lt;/devices></DATA></RAW>",
	  "RAW: <evil> is no device" },
};

static void faults_are_named(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
		g_autoptr(TmplVm) vm = vm_of(faults[i].rest);
		g_autoptr(GError) error = NULL;
		g_autofree char *message = g_strconcat("VM 7: ", faults[i].message, NULL);

		g_assert_null(domain_xml(vm, &options, NULL, &error));
		g_assert_error(error, VMM_ERROR, VMM_ERROR_INPUT);
		g_assert_cmpstr(error->message, ==, message);
	}
}

static char *random_string(GRand *rand)
{
	static const char *const pieces[] = { "'",
					      "\"",
					      "<",
					      ">",
					      "&",
					      "]]>",
					      "<!--",
					      "-->",
					      "\n",
					      "\t",
					      "\r",
					      " ",
					      "a",
					      "0",
					      "-",
					      "/",
					      "..",
					      "&amp;",
					      "&#0;",
					      "<x/>",
					      "<![CDATA[",
					      "%s%n",
					      "$(x)",
					      "é",
					      "🐧",
					      "\xef\xbf\xbd",
					      "\x01",
					      "\xff",
					      "\xed\xa0\x80",
					      "\xef\xbf\xbe" };
	GString *text = g_string_new(NULL);

	for (int n = g_rand_int_range(rand, 0, 12); n >= 0; n--)
		g_string_append(text, pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))]);
	return g_string_free(text, FALSE);
}

static const struct {
	const char *vector, *key, *path;
} strings[] = {
	{ NULL,   "NAME",        "string(//metadata//*[local-name()='name'])" },
	{ "OS",   "KERNEL",      "string(/domain/os/kernel)" },
	{ "OS",   "MACHINE",     "string(/domain/os/type/@machine)" },
	{ "OS",   "UUID",        "string(/domain/uuid)" },
	{ "DISK", "TARGET",      "string(//disk/target/@dev)" },
	{ "DISK", "SOURCE",      "string(//disk/source/@name)" },
	{ "DISK", "CACHE",       "string(//disk/driver/@cache)" },
	{ "DISK", "SERIAL",      "string(//disk/serial)" },
	{ "DISK", "DRIVER",      "string(//disk/driver/@type)" },
	{ "DISK", "DISK_ID",     NULL },
	{ "DISK", "CEPH_HOST",   NULL },
	{ "NIC",  "BRIDGE",      "string(//interface/source/@bridge)" },
	{ "NIC",  "MAC",         "string(//interface/mac/@address)" },
	{ "NIC",  "TARGET",      "string(//interface/target/@dev)" },
	{ "NIC",  "MODEL",       "string(//interface/model/@type)" },
	{ "NIC",  "SCRIPT",      "string(//interface/script/@path)" },
	{ "NIC",  "FILTER",      "string(//filterref/@filter)" },
};

static void put_string(TmplVm *vm, const char *vector, const char *key, const char *text)
{
	GPtrArray *attrs =
		vector ? tmpl_set_vector(vm->level[TMPL_VM], vector)->keys : vm->header->attrs;

	for (guint i = 0; i < attrs->len; i++)
		if (!strcmp(((TmplAttr *)g_ptr_array_index(attrs, i))->name, key)) {
			g_ptr_array_remove_index(attrs, i);
			break;
		}
	g_ptr_array_add(attrs, tmpl_attr_new(g_strdup(key), g_strdup(text)));
}

/* Whatever a string holds: an error, or XML with that string at its place. */
static void any_string_is_safe(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	guint made = 0;

	for (int i = 0; i < ROUNDS; i++) {
		g_autoptr(TmplVm) vm = vm_of(DISK("<TYPE>RBD</TYPE><SOURCE>x</SOURCE>")
					     "<NIC><BRIDGE>b</BRIDGE><IP>1.2.3.4</IP></NIC>");
		size_t n = (size_t)g_rand_int_range(rand, 0, G_N_ELEMENTS(strings));
		g_autofree char *text = random_string(rand), *found = NULL, *xml = NULL;
		g_autoptr(GError) error = NULL;

		put_string(vm, strings[n].vector, strings[n].key, text);
		xml = domain_xml(vm, &options, NULL, &error);
		if (!xml) {
			g_assert_error(error, VMM_ERROR, VMM_ERROR_INPUT);
			continue;
		}
		made++;
		found = xpath(xml, strings[n].path ? strings[n].path : "string(/domain/name)");
		g_assert_cmpstr(found, ==, strings[n].path ? text : "one-7");
	}
	g_assert_cmpuint(made, >, ROUNDS / 10);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/domain/values-become-xml", values_become_xml);
	g_test_add_func("/domain/faults-are-named", faults_are_named);
	g_test_add_func("/domain/any-string-is-safe", any_string_is_safe);
	return g_test_run();
}
