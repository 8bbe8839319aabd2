/* SPDX-License-Identifier: Apache-2.0 */
#include "template/defaults.h"
#include "template/attributes.h"

/* Each row of the grammar (deployment.md 1.2) is one row here. */

/* The template as one line: "A=x;B[K=v,L=w];", for comparing. */
static char *flat(const TmplSet *set)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < set->attrs->len; i++) {
		const TmplAttr *attr = g_ptr_array_index(set->attrs, i);

		g_string_append_printf(out, "%s%s", attr->name, attr->value ? "=" : "[");
		for (guint k = 0; attr->keys && k < attr->keys->len; k++) {
			const TmplAttr *key = g_ptr_array_index(attr->keys, k);

			g_string_append_printf(out, "%s%s=%s", k ? "," : "", key->name, key->value);
		}
		g_string_append_printf(out, "%s;", attr->value ? attr->value : "]");
	}
	return g_string_free(out, FALSE);
}

static const struct {
	const char *text, *result;
} good[] = {
	{ "", "" },
	{ "A = \"x\"", "A=x;" },
	{ "A = x\n", "A=x;" },
	{ "a_1=x", "A_1=x;" },
	{ "A=\"x\" B=\"y\"", "A=x;B=y;" },
	{ "A=x B=y", "A=x;B=y;" },
	{ "A\t =\t x", "A=x;" },
	{ "A =\nB = x", "A=;B=x;" },
	{ "A =", "A=;" },
	{ "A = \"\"", "A=;" },
	{ "A = a\"b", "A=a\"b;" },
	{ "# c\nA = x", "A=x;" },
	{ "  # c\nA = x # d\nB = y#e", "A=x;B=y;" },
	{ "A = x\n# last line", "A=x;" },
	{ "A = \"x # y\"", "A=x # y;" },
	{ "A = \"two\nlines\"", "A=two\nlines;" },
	{ "A = [ K = x, L = \"y\" ]", "A[K=x,L=y];" },
	{ "A = [\n K = x,\n L = y\n]\nB = z", "A[K=x,L=y];B=z;" },
	{ "A = [ # c\n K = x, # d\n # e\n L = y # f\n ]", "A[K=x,L=y];" },
	{ "A = [ K = x # c\n , L = y ]", "A[K=x,L=y];" },
	{ "A=[K=x,L=y]B=z", "A[K=x,L=y];B=z;" },
	{ "A = [ ]", "A[];" },
	{ "A = []", "A[];" },
	{ "A = [ k = x, K = y ]", "A[K=x,K=y];" },
	{ "9A = x", "ONE_9A=x;" },
	{ "XMLA = x", "ONE_XMLA=x;" },
	{ "xmlA = x", "XMLA=x;" },
	{ "XM = x", "XM=x;" },
	{ "A = x\nA = y", "A=y;" },
	{ "A = [ K = x, L = y ]\nB = z\nA = [ K = w ]", "B=z;A[K=w];" },
	{ "A = [ K = x ]\nA = y", "A=y;" },
	{ "A = y\nA = [ K = x ]", "A[K=x];" },
	{ "A = \"a \\\"b\\\" c\"", "A=a \"b\" c;" },
	{ "A = \"\\\\ \\n \\t\"", "A=\\\\ \\n \\t;" },
	{ "A = \"C:\\\"\nB = \"x\"", "A=C:\\;B=x;" },
	{ "A = [ K = \"C:\\\", L = \"x\" ]", "A[K=C:\\,L=x];" },
	{ "A = \"C:\\\"", "A=C:\\;" },
	{ "A = C:\\\nB = x", "A=C:\\;B=x;" },
	{ "A = \"x\"\r\nB = y\r\nC = [ K = z\r\n]\r\n", "A=x;B=y;C[K=z];" },
	{ "A =\r\nB = \"a\r\nb\"", "A=;B=a\nb;" },
	{ "A = \"<x> ]]> <y>\"", "A=<x> ]]> <y>;" },
	{ "A = \xc3\xa9 B = \"\xf0\x9f\x90\xa7\"", "A=\xc3\xa9;B=\xf0\x9f\x90\xa7;" },
};

static const struct {
	const char *text, *message;
} bad[] = {
	{ "A", "c:1:1: 'NAME = value' was expected, at 'A'" },
	{ "A B = x", "c:1:1: 'NAME = value' was expected, at 'A'" },
	{ "A = a b", "c:1:7: 'NAME = value' was expected, at 'b'" },
	{ "A = a=b", "c:1:6: a name was expected, at '='" },
	{ "A-B = x", "c:1:1: 'NAME = value' was expected, at 'A-B'" },
	{ "\n\n  ;", "c:3:3: a name was expected, at ';'" },
	{ "= x", "c:1:1: a name was expected, at '='" },
	{ "A = # no value", "c:1:5: a value is missing, at '#'" },
	{ "A = x,", "c:1:6: a name was expected, at ','" },
	{ "A = ]", "c:1:5: a value is missing, at ']'" },
	{ "A = \"x",
	  "c:1:5: a quote is not closed, or text is glued to the closing quote, at '\"x'" },
	{ "A = \"1\"x",
	  "c:1:5: a quote is not closed, or text is glued to the closing quote, at '\"1\"x'" },
	{ "A = [ K = x, ]", "c:1:14: a name was expected, at ']'" },
	{ "A = [ K = x", "c:1:12: ',' or ']' was expected, at end of file" },
	{ "A = [ K = x\n L = y ]", "c:2:2: ',' or ']' was expected, at 'L'" },
	{ "A = [ K =\n L = y ]", "c:1:10: a value is missing, at end of line" },
	{ "A = [ K = [ L = x ] ]", "c:1:11: a vector cannot stand in a vector, at '['" },
	{ "A = [", "c:1:6: a name was expected, at end of file" },
	{ "A = [ , ]", "c:1:7: a name was expected, at ','" },
};

static void the_grammar_accepts(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(TmplSet) set =
			tmpl_defaults_parse(good[i].text, strlen(good[i].text), "c", &error);
		g_autofree char *text = NULL;

		g_assert_no_error(error);
		text = flat(set);
		g_assert_cmpstr(text, ==, good[i].result);
	}
}

static void the_grammar_refuses(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(tmpl_defaults_parse(bad[i].text, strlen(bad[i].text), "c", &error));
		g_assert_error(error, VMM_ERROR, VMM_ERROR_CONFIG);
		g_assert_cmpstr(error->message, ==, bad[i].message);
	}
}

static void a_nul_byte_is_refused(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(tmpl_defaults_parse("A = x\n\0B", 8, "c", &error));
	g_assert_cmpstr(error->message, ==, "c:2:1: a NUL byte, at ''");
}

static void places_are_kept(void)
{
	static const char text[] = "A = x\n\n  B = [\n\tK = y ]\n";
	g_autoptr(TmplSet) set = tmpl_defaults_parse(text, strlen(text), "c", NULL);
	const TmplAttr *b = tmpl_set_vector(set, "B"), *k = tmpl_attr_key(b, "K");

	g_assert_cmpuint(b->line, ==, 3);
	g_assert_cmpuint(b->column, ==, 3);
	g_assert_cmpuint(k->line, ==, 4);
	g_assert_cmpuint(k->column, ==, 2);
}

/* Quadratic work would take minutes here. */
static void a_huge_file_is_read(void)
{
	GString *text = g_string_new(NULL);
	g_autoptr(TmplSet) set = NULL;

	while (text->len < TMPL_CONF_MAX_BYTES)
		g_string_append(text, "A = \"C:\\\"\nB\n=\n");
	set = tmpl_defaults_parse(text->str, text->len, "c", NULL);
	g_assert_null(set);
	g_string_set_size(text, 0);
	while (text->len < TMPL_CONF_MAX_BYTES)
		g_string_append_printf(text, "A%zu=\n", text->len);
	set = tmpl_defaults_parse(text->str, text->len, "c", NULL);
	g_assert_nonnull(set);
	g_string_free(text, TRUE);
}

static void values_are_checked(void)
{
	static const char text[] =
		"VCPU = 4\nFEATURES = [ ACPI = maybe, PAE = on ]\n"
		"RAW = [ DATA = \"<a/>\" ]\n"
		"HYPERV_TIMERS = \"<a\"\nDISK = cow\nCPU_MODL = [ MODEL = x ]\nQWERTY = 1";
	g_autoptr(TmplSet) set = tmpl_defaults_parse(text, strlen(text), "c", NULL);
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;

	g_assert_false(tmpl_defaults_check(set, warnings, &error));
	g_assert_error(error, VMM_ERROR, VMM_ERROR_CONFIG);
	g_assert_cmpstr(error->message, ==,
			"c:2:14: FEATURES/ACPI: 'maybe' is not yes or no; "
			"c:4:1: HYPERV_TIMERS: '<a' is not well-formed XML; "
			"c:5:1: DISK expects a vector: DISK = [ KEY = \"…\" ]");
	g_assert_cmpuint(warnings->len, ==, 2);
	g_assert_cmpstr(g_ptr_array_index(warnings, 0), ==,
			"c:6:1: unknown attribute CPU_MODL is ignored; did you mean CPU_MODEL?");
	g_assert_cmpstr(g_ptr_array_index(warnings, 1), ==,
			"c:7:1: unknown attribute QWERTY is ignored");
}

/* A limit stands there without its _MAX and _MAX_LENGTH. */
static void the_man_page_names_each_attribute(void)
{
	g_autofree char *path = g_build_filename(g_getenv("TOP") ? g_getenv("TOP") : ".", "man",
						 "vmm_exec_kvm.conf.5", NULL);
	g_autofree char *page = NULL;
	const char *vector, *name;

	g_assert_true(g_file_get_contents(path, &page, NULL, NULL));
	for (size_t i = 0; (name = tmpl_attributes_row(i, &vector)); i++) {
		const char *max = strstr(name, "_SEC_MAX");
		g_autofree char *base =
			max ? g_strndup(name, (gsize)(max - name) + strlen("_SEC"))
			    : g_strdup(name);

		g_test_message("%s/%s", vector, name);
		g_assert_nonnull(strstr(page, base));
		g_assert_nonnull(strstr(page, vector ? vector : name));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tmpl/conf/the-grammar-accepts", the_grammar_accepts);
	g_test_add_func("/tmpl/conf/the-grammar-refuses", the_grammar_refuses);
	g_test_add_func("/tmpl/conf/a-nul-byte-is-refused", a_nul_byte_is_refused);
	g_test_add_func("/tmpl/conf/places-are-kept", places_are_kept);
	g_test_add_func("/tmpl/conf/a-huge-file-is-read", a_huge_file_is_read);
	g_test_add_func("/tmpl/conf/values-are-checked", values_are_checked);
	g_test_add_func("/tmpl/conf/the-man-page-names-each-attribute",
			the_man_page_names_each_attribute);
	return g_test_run();
}
