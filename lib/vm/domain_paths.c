/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/domain_paths.h"

#include <string.h>

#include "base/error.h"
#include "xml/xml.h"

/* TEXT with each "PLACE/<digits>/VM" that ends there or at a '/' as "PLACE/DATASTORE/VM". */
static char *with_datastore(const char *text, const char *place, const char *datastore,
			    const char *vm)
{
	GString *out = g_string_new(NULL);
	size_t len = strlen(place), vm_len = strlen(vm);

	while (*text) {
		const char *p = text + len, *q;

		if (strncmp(text, place, len) == 0 && *p == '/') {
			q = p + 1 + strspn(p + 1, "0123456789");
			if (q > p + 1 && *q == '/' && strncmp(q + 1, vm, vm_len) == 0 &&
			    strchr("/", q[1 + vm_len])) {
				g_string_append_printf(out, "%s/%s/%s", place, datastore, vm);
				text = q + 1 + vm_len;
				continue;
			}
		}

		g_string_append_c(out, *text++);
	}

	return g_string_free(out, FALSE);
}

static char *without_doubled_slashes(const char *path)
{
	GString *out = g_string_new(NULL);

	for (; *path; path++)
		if (*path != '/' || path[1] != '/')
			g_string_append_c(out, *path);
	return g_string_free(out, FALSE);
}

struct move {
	char *place, *plain_place, *datastore;
	const char *vm;
};

static bool move_text(xmlNode *node, const struct move *m)
{
	g_autoptr(xmlChar) text = xmlNodeGetContent(node);
	g_autofree char *once = NULL, *twice = NULL;

	if (!text || !strchr((const char *)text, '/'))
		return false;
	once = with_datastore((const char *)text, m->place, m->datastore, m->vm);
	twice = with_datastore(once, m->plain_place, m->datastore, m->vm);
	if (g_str_equal(twice, (const char *)text))
		return false;
	if (node->type == XML_ATTRIBUTE_NODE)
		xmlSetNsProp(node->parent, node->ns, node->name, BAD_CAST twice);
	else
		xmlNodeSetContent(node, BAD_CAST twice);

	return true;
}

static bool move_all(xmlNode *node, const struct move *m)
{
	bool changed = false;

	for (xmlAttr *a = node->properties; a; a = a->next)
		changed |= move_text((xmlNode *)a, m);
	for (xmlNode *n = node->children; n; n = n->next) {
		if (n->type == XML_ELEMENT_NODE)
			changed |= move_all(n, m);
		else if (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE)
			changed |= move_text(n, m);
	}

	return changed;
}

bool domain_paths_rewrite(xmlNode *domain, const char *checkpoint, const char *vm_id)
{
	g_autofree char *directory = g_path_get_dirname(checkpoint);
	g_autofree char *above = g_path_get_dirname(directory);
	g_autofree char *own = g_path_get_basename(directory);
	struct move m = { .place = g_path_get_dirname(above),
			  .datastore = g_path_get_basename(above), .vm = vm_id ? vm_id : own };
	bool changed = false;

	m.plain_place = without_doubled_slashes(m.place);
	if (g_path_is_absolute(checkpoint) && *m.datastore &&
	    strspn(m.datastore, "0123456789") == strlen(m.datastore))
		changed = move_all(domain, &m);
	g_free(m.place);
	g_free(m.plain_place);
	g_free(m.datastore);

	return changed;
}
