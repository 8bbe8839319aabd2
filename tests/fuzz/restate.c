/* restate - domain and snapshot XML from a VM's directory: told anew where its files are, it is XML
 * still, and to tell it twice changes nothing more. */
#include "vm/restate.c"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void restate(const char *text, size_t len)
{
	g_autoptr(xmlDoc) doc = tmpl_xml_parse(text, len, "snap-1.xml", NULL);
	g_autofree char *once = NULL, *twice = NULL;
	xmlNode *root;

	if (!doc)
		return;
	root = xmlDocGetRootElement(doc);
	g_free(tmpl_xml_child_text(root, "name"));
	g_free(tmpl_xml_child_text(tmpl_xml_child(root, "parent"), "name"));
	set_uuid(root, "domain", "00000000-0000-4000-8000-000000000007");
	set_uuid(root, "inactiveDomain", "00000000-0000-4000-8000-000000000007");
	restate_links(root);
	restate_paths(root, "/var/lib/one//datastores/100/7/snap-1.xml", NULL);
	once = tmpl_xml_print(root);
	g_assert_false(restate_paths(root, "/var/lib/one//datastores/100/7/snap-1.xml", NULL));
	twice = tmpl_xml_print(root);
	g_assert_cmpstr(once, ==, twice);
	xmlFreeDoc(tmpl_xml_parse(once, strlen(once), "again", NULL));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *copy = g_strndup((const char *)data, size);

	restate(copy, strlen(copy));
	return 0;
}
