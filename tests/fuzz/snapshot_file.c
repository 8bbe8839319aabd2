/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_file - domain and snapshot XML from a VM's directory: with its paths rewritten it is
 * still XML, and rewriting them again changes nothing more. */
#include "vm/snapshot_redefine.c"

#include "vm/disk_links.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void rewrite(const char *text, size_t len)
{
	g_autoptr(xmlDoc) doc = xml_parse(text, len, "snap-1.xml", NULL);
	g_autofree char *once = NULL, *twice = NULL;
	xmlNode *root;

	if (!doc)
		return;
	root = xmlDocGetRootElement(doc);
	g_free(xml_child_text(root, "name"));
	g_free(xml_child_text(xml_child(root, "parent"), "name"));
	set_uuid(root, "domain", "00000000-0000-4000-8000-000000000007");
	set_uuid(root, "inactiveDomain", "00000000-0000-4000-8000-000000000007");
	disk_links_resolve(root);
	domain_paths_rewrite(root, "/var/lib/one//datastores/100/7/snap-1.xml", NULL);
	once = xml_print(root);
	g_assert_false(
		domain_paths_rewrite(root, "/var/lib/one//datastores/100/7/snap-1.xml", NULL));
	twice = xml_print(root);
	g_assert_cmpstr(once, ==, twice);
	xmlFreeDoc(xml_parse(once, strlen(once), "again", NULL));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *copy = g_strndup((const char *)data, size);

	rewrite(copy, strlen(copy));
	return 0;
}
