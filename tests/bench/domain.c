/* SPDX-License-Identifier: Apache-2.0 */
/* domain COUNT VM.xml DEFAULTS - makes the domain of a VM COUNT times; prints its CPU seconds. */
#include <time.h>

#include "base/file.h"
#include "base/number.h"
#include "domain/domain.h"
#include "template/defaults.h"
#include "xml/xml.h"

/* From the text of the document to the text of the domain, as a dispatcher would. */
static bool make_one(const GString *text, const char *conf, GError **error)
{
	const struct domain_options options = { .now = 1 };
	g_autoptr(xmlDoc) doc = xml_parse(text->str, text->len, "VM", error);
	g_autoptr(TmplVm) vm = doc ? tmpl_vm_of_document(doc, "VM", error) : NULL;
	TmplSet *set = vm ? tmpl_defaults_parse(conf, strlen(conf), "defaults", error) : NULL;
	g_autofree char *xml = NULL;

	if (!set)
		return false;
	tmpl_vm_set_level(vm, TMPL_CONF, set);
	xml = domain_xml(vm, &options, NULL, error);
	return xml;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	GString *text = argc == 4 ? file_read(argv[2], 1 << 20, &error) : NULL;
	GString *conf = text ? file_read(argv[3], 1 << 20, &error) : NULL;
	guint64 count = 0;

	if (!conf || !number_unsigned(argv[1], 1, 1000000, &count, &error)) {
		fprintf(stderr, "domain: %s\n", error ? error->message : "COUNT VM.xml DEFAULTS");
		return 2;
	}
	for (guint64 i = 0; i < count; i++)
		if (!make_one(text, conf->str, &error)) {
			fprintf(stderr, "domain: %s\n", error->message);
			return 1;
		}
	printf("%.6f\n", (double)clock() / CLOCKS_PER_SEC);
	g_string_free(text, TRUE);
	g_string_free(conf, TRUE);
	return 0;
}
