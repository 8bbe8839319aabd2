/* SPDX-License-Identifier: Apache-2.0 */
#include "template/vm.h"

#include "template/request.h"
#include "xml/xml.h"

static xmlDoc *parse(const char *text)
{
	xmlDoc *doc = xml_parse(text, strlen(text), "test", NULL);

	g_assert_nonnull(doc);
	return doc;
}

/* A VM with three disks' worth of attributes, and all the levels below it. */
static TmplVm *example(void)
{
	g_autoptr(xmlDoc) vm = parse(
		"<VM><ID>7</ID><NAME>n</NAME><TEMPLATE><VCPU>2</VCPU><EMULATOR></EMULATOR>"
		"<OS><ARCH>vm</ARCH><MACHINE></MACHINE></OS><DISK><CACHE>own</CACHE><IO/></DISK>"
		"<DISK><CACHE/><IO>x</IO></DISK></TEMPLATE><HISTORY_RECORDS><HISTORY><SEQ>0</SEQ>"
		"</HISTORY><HISTORY><SEQ>1</SEQ></HISTORY></HISTORY_RECORDS></VM>");
	g_autoptr(xmlDoc) host =
		parse("<HOST><TEMPLATE><VCPU>3</VCPU><OS><MACHINE>host</MACHINE></OS>"
		      "<DISK><CACHE>host</CACHE></DISK></TEMPLATE></HOST>");
	g_autoptr(xmlDoc) cluster =
		parse("<CLUSTER><TEMPLATE><OS><MACHINE>cl</MACHINE><ROOT>cl</ROOT></OS>"
		      "<EMULATOR>cl</EMULATOR></TEMPLATE></CLUSTER>");
	TmplSet *conf = tmpl_set_new("f.conf");
	TmplAttr *last = tmpl_attr_new(g_strdup("LAST"), g_strdup("conf"));
	TmplVm *t = tmpl_vm_new(xmlDocGetRootElement(vm), NULL);

	last->line = 4;
	g_ptr_array_add(conf->attrs, last);
	g_assert_true(tmpl_vm_set_object(t, TMPL_HOST, xmlDocGetRootElement(host), NULL));
	g_assert_true(tmpl_vm_set_object(t, TMPL_CLUSTER, xmlDocGetRootElement(cluster), NULL));
	tmpl_vm_set_level(t, TMPL_CONF, conf);
	return t;
}

static const struct {
	const char *path;
	unsigned levels;
	const char *text;	/* NULL: a miss */
	const char *place;
} lookups[] = {
	{ "VCPU", TMPL_IN_ALL, "2", "VM 7" },
	{ "VCPU", TMPL_IN_SITE, "3", "host" },
	{ "VCPU", TMPL_IN_CLUSTER | TMPL_IN_CONF, NULL, NULL },
	{ "OS/ARCH", TMPL_IN_ALL, "vm", "VM 7" },
	{ "OS/MACHINE", TMPL_IN_ALL, "host", "host" },	/* by key; empty says nothing */
	{ "OS/MACHINE", TMPL_IN_ALL | TMPL_EMPTY_COUNTS, "", "VM 7" },
	{ "OS/ROOT", TMPL_IN_ALL, "cl", "cluster" },
	{ "EMULATOR", TMPL_IN_ALL, "cl", "cluster" },
	{ "LAST", TMPL_IN_ALL, "conf", "defaults f.conf:4" },
	{ "LAST", TMPL_IN_VM, NULL, NULL },
	{ "OS", TMPL_IN_ALL, NULL, NULL },
	{ "VCPU/OS", TMPL_IN_ALL, NULL, NULL },
};

static void the_first_level_that_says_something_wins(void)
{
	g_autoptr(TmplVm) vm = example();

	for (size_t i = 0; i < G_N_ELEMENTS(lookups); i++) {
		struct tmpl_hit hit;
		bool found = tmpl_vm_find(vm, NULL, lookups[i].path, lookups[i].levels, &hit);
		g_autofree char *place = found ? tmpl_hit_place(&hit) : NULL;

		g_assert_cmpstr(hit.text, ==, lookups[i].text);
		g_assert_cmpstr(place, ==, lookups[i].place);
	}
}

static void a_device_stands_for_its_vm(void)
{
	g_autoptr(TmplVm) vm = example();
	const TmplAttr *first = tmpl_set_next(vm->level[TMPL_VM], "DISK", NULL);
	const TmplAttr *second = tmpl_set_next(vm->level[TMPL_VM], "DISK", first);
	struct tmpl_hit hit;

	g_assert_true(tmpl_vm_find(vm, first, "DISK/CACHE", TMPL_IN_ALL, &hit));
	g_assert_cmpstr(hit.text, ==, "own");
	g_assert_true(tmpl_vm_find(vm, second, "DISK/CACHE", TMPL_IN_ALL, &hit));
	g_assert_cmpstr(hit.text, ==, "host");
	g_assert_false(tmpl_vm_find(vm, first, "DISK/IO", TMPL_IN_ALL, &hit));
	g_assert_null(tmpl_set_next(vm->level[TMPL_VM], "DISK", second));
}

static void history_is_the_last_record(void)
{
	g_autoptr(TmplVm) vm = example();

	g_assert_cmpstr(tmpl_vm_history(vm, "SEQ"), ==, "1");
	g_assert_cmpstr(tmpl_vm_history(vm, "HID"), ==, "");
	g_assert_cmpstr(tmpl_vm_header(vm, "NAME"), ==, "n");
}

static void another_element_is_refused(void)
{
	g_autoptr(xmlDoc) doc = parse("<HOST><ID>1</ID></HOST>");
	g_autoptr(xmlDoc) bare = parse("<VM><ID>1</ID></VM>");
	g_autoptr(GError) error = NULL;

	g_assert_null(tmpl_vm_new(xmlDocGetRootElement(doc), &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_INPUT);
	g_clear_error(&error);
	g_assert_null(tmpl_vm_new(NULL, &error));
	g_clear_error(&error);
	g_assert_null(tmpl_vm_new(xmlDocGetRootElement(bare), &error));
	g_assert_cmpstr(error->message, ==, "the VM document has no TEMPLATE");
}

static void another_object_is_refused(void)
{
	g_autoptr(TmplVm) vm = example();
	g_autoptr(xmlDoc) doc = parse("<VNET><ID>1</ID></VNET>");
	g_autoptr(GError) error = NULL;

	g_assert_false(tmpl_vm_set_object(vm, TMPL_HOST, xmlDocGetRootElement(doc), &error));
	g_assert_cmpstr(error->message, ==,
			"a HOST document was expected, the root element is 'VNET'");
	g_clear_error(&error);
	g_assert_false(tmpl_vm_set_datastore(vm, xmlDocGetRootElement(doc), &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_INPUT);
}

/* What oned's core does not know it leaves in USER_TEMPLATE. */
static void the_user_template_says_what_oned_does_not_know(void)
{
	g_autoptr(xmlDoc) doc = parse(
		"<VM><ID>7</ID><TEMPLATE><RNG><MODEL>own</MODEL></RNG></TEMPLATE><USER_TEMPLATE>"
		"<RNG><MODEL>user</MODEL></RNG><WATCHDOG><ACTION>pause</ACTION></WATCHDOG>"
		"<EMULATOR>/bin/sh</EMULATOR></USER_TEMPLATE></VM>");
	g_autoptr(TmplVm) vm = tmpl_vm_new(xmlDocGetRootElement(doc), NULL);
	struct tmpl_hit hit;

	g_assert_true(tmpl_vm_find(vm, NULL, "RNG/MODEL", TMPL_IN_VM, &hit));
	g_assert_cmpstr(hit.text, ==, "own");
	g_assert_true(tmpl_vm_find(vm, NULL, "WATCHDOG/ACTION", TMPL_IN_VM, &hit));
	g_assert_cmpstr(hit.text, ==, "pause");
	g_assert_false(tmpl_vm_find(vm, NULL, "EMULATOR", TMPL_IN_VM, &hit));
}

static void what_nobody_reads_is_told(void)
{
	static const char *const texts[] = {
		"unknown attribute MEMROY is ignored; did you mean MEMORY?",
		"MEMORY is ignored: it is a vector",
		"NIC is ignored: it is no vector",
		"unknown attribute DISK/SERIALNO is ignored; did you mean SERIAL?",
		"unknown attribute PCI/COLOUR is ignored",
		"unknown attribute GRAPHIC is ignored; did you mean GRAPHICS?",
	};
	g_autoptr(xmlDoc) doc = parse(
		"<VM><ID>7</ID><TEMPLATE><MEMROY>1</MEMROY><MEMORY><A>1</A></MEMORY><NIC>x</NIC>"
		"<DISK><SERIALNO>1</SERIALNO></DISK><PCI><COLOUR>red</COLOUR></PCI>"
		"<CONTEXT><ANY>1</ANY></CONTEXT></TEMPLATE><USER_TEMPLATE><LOGO>x</LOGO>"
		"<GRAPHIC><TYPE>vnc</TYPE></GRAPHIC><DESCRIPTION>x</DESCRIPTION></USER_TEMPLATE>"
		"</VM>");
	g_autoptr(TmplVm) vm = tmpl_vm_new(xmlDocGetRootElement(doc), NULL);
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);

	tmpl_vm_check(vm, warnings);
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_assert_cmpstr(i < warnings->len ? warnings->pdata[i] : NULL, ==, texts[i]);
	g_assert_cmpuint(warnings->len, ==, G_N_ELEMENTS(texts));
}

static TmplRequest *input(const char *text, GError **error)
{
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

	return tmpl_request_of_input(bytes, "stdin", error);
}

static void a_request_and_a_vm_alone_give_the_same_vm(void)
{
	static const char vm[] = "<VM><ID>7</ID></VM>";
	g_autofree char *whole = g_strconcat("<VMM_DRIVER_ACTION_DATA><HOST>h</HOST>", vm,
					     "<DATASTORE><BASE_PATH>/d</BASE_PATH></DATASTORE>"
					     "</VMM_DRIVER_ACTION_DATA>", NULL);
	g_autoptr(TmplRequest) alone = input(vm, NULL), request = input(whole, NULL);
	g_autofree char *host = tmpl_request_child(request, "HOST");
	g_autofree char *none = tmpl_request_child(request, "MIGR_HOST");
	g_autofree char *a = xml_print(alone->vm), *b = xml_print(request->vm);
	g_autofree char *base = xml_child_text(request->datastore, "BASE_PATH");

	g_assert_cmpstr(a, ==, vm);
	g_assert_cmpstr(b, ==, vm);
	g_assert_null(alone->datastore);
	g_assert_cmpstr(base, ==, "/d");
	g_assert_cmpstr(host, ==, "h");
	g_assert_null(none);
}

static void an_input_may_be_empty_but_must_be_xml(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(TmplRequest) empty = input("", NULL);
	g_autoptr(TmplRequest) other = input("<HOST><ID>1</ID></HOST>", NULL);
	g_autofree char *host = tmpl_request_child(empty, "HOST");

	g_assert_null(empty->doc);
	g_assert_null(empty->vm);
	g_assert_null(host);
	g_assert_nonnull(other->doc);
	g_assert_null(other->vm);

	g_assert_null(input("<VM>", &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_INPUT);
	g_assert_true(g_str_has_prefix(error->message, "stdin:1:"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tmpl/vm/the-first-level-that-says-something-wins",
			the_first_level_that_says_something_wins);
	g_test_add_func("/tmpl/vm/a-device-stands-for-its-vm", a_device_stands_for_its_vm);
	g_test_add_func("/tmpl/request/a-request-and-a-vm-alone-give-the-same-vm",
			a_request_and_a_vm_alone_give_the_same_vm);
	g_test_add_func("/tmpl/request/an-input-may-be-empty-but-must-be-xml",
			an_input_may_be_empty_but_must_be_xml);
	g_test_add_func("/tmpl/vm/history-is-the-last-record", history_is_the_last_record);
	g_test_add_func("/tmpl/vm/another-element-is-refused", another_element_is_refused);
	g_test_add_func("/tmpl/vm/another-object-is-refused", another_object_is_refused);
	g_test_add_func("/tmpl/vm/the-user-template-says-what-oned-does-not-know",
			the_user_template_says_what_oned_does_not_know);
	g_test_add_func("/tmpl/vm/what-nobody-reads-is-told", what_nobody_reads_is_told);
	return g_test_run();
}
