/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/snapshot_redefine.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "virt/virt_domain.h"
#include "virt/virt_error.h"
#include "vm/domain_paths.h"
#include "vm/snapshot_check.h"
#include "xml/xml.h"

enum { MAX_FILE = 16 << 20 };

struct snapshot {
	char *path, *name, *parent;
	xmlDoc *doc;
};

static void snapshot_free(void *data)
{
	struct snapshot *s = data;

	xmlFreeDoc(s->doc);
	g_free(s->path);
	g_free(s->name);
	g_free(s->parent);
	g_free(s);
}

static struct snapshot *snapshot_load(const char *path, GError **error)
{
	g_autoptr(GString) text = file_read(path, MAX_FILE, error);
	xmlDoc *doc = text ? xml_parse(text->str, text->len, path, error) : NULL;
	struct snapshot *s;
	xmlNode *root;

	if (!doc)
		return NULL;
	root = xmlDocGetRootElement(doc);
	s = g_new0(struct snapshot, 1);
	s->path = g_strdup(path);
	s->doc = doc;
	s->name = xml_child_text(root, "name");
	s->parent = xml_child_text(xml_child(root, "parent"), "name");

	return s;
}

static void set_uuid(xmlNode *root, const char *element, const char *uuid)
{
	xmlNode *n = xml_child(xml_child(root, element), "uuid");

	if (n)
		xmlNodeSetContent(n, BAD_CAST uuid);
}

/*
 * The action that made the parent may have been killed before it wrote the parent's file: then no
 * definition of it exists. libvirt would refuse S because of that, although the state of S is in
 * the images.
 */
static void drop_lost_parent(virDomain *dom, const struct snapshot *s)
{
	xmlNode *parent = xml_child(xmlDocGetRootElement(s->doc), "parent");
	g_autofree char *directory = g_path_get_dirname(s->path);
	g_autofree char *name = g_strconcat(text_or(s->parent, ""), ".xml", NULL);
	g_autofree char *file = g_build_filename(directory, name, NULL);
	g_autoptr(virDomainSnapshot) known = NULL;

	if (!parent || !s->parent || access(file, F_OK) == 0)
		return;
	known = virDomainSnapshotLookupByName(dom, s->parent, 0);
	if (known || !virt_last_is(VIR_ERR_NO_DOMAIN_SNAPSHOT))
		return;

	xmlUnlinkNode(parent);
	xmlFreeNode(parent);
}

static bool snapshot_register(virDomain *dom, const struct snapshot *s, GError **error)
{
	xmlNode *root = xmlDocGetRootElement(s->doc);
	char uuid[VIR_UUID_STRING_BUFLEN];
	g_autoptr(virDomainSnapshot) made = NULL;
	g_autofree char *text = NULL;

	if (virDomainGetUUIDString(dom, uuid) < 0)
		return virt_fail(error, "cannot read a UUID");
	set_uuid(root, "domain", uuid);
	set_uuid(root, "inactiveDomain", uuid);
	domain_paths_rewrite(root, s->path, NULL);
	if (!snapshot_check(dom, root, s->path, error))
		return false;
	drop_lost_parent(dom, s);
	text = xml_print(root);
	if (!file_write(s->path, text, strlen(text), 0600, error))
		return false;
	made = virDomainSnapshotCreateXML(dom, text, VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE);

	if (made)
		return true;

	return virt_fail(error, "cannot register snapshot %s", s->path);
}

static int by_version(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

static bool is_waiting(GPtrArray *list, const char *name)
{
	for (guint i = 0; name && i < list->len; i++)
		if (!g_strcmp0(((struct snapshot *)list->pdata[i])->name, name))
			return true;
	return false;
}

/* Tells FAULT to LOG; the first one stays in FIRST. */
static void note_fault(void (*log)(const char *level, const char *format, ...), GError *fault,
		       GError **first)
{
	log("WARN", "%s", fault->message);
	if (*first)
		g_error_free(fault);
	else
		*first = fault;
}

bool snapshot_redefine_all(virDomain *dom, const char *directory,
			   void (*log)(const char *level, const char *format, ...), GError **error)
{
	g_autoptr(GPtrArray) waiting = g_ptr_array_new_with_free_func(snapshot_free);
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	g_autoptr(GError) first = NULL;
	const char *name;
	bool forced = false;

	while (dir && (name = g_dir_read_name(dir)))
		if (g_str_has_prefix(name, "snap-") && g_str_has_suffix(name, ".xml"))
			g_ptr_array_add(paths, g_build_filename(directory, name, NULL));
	g_ptr_array_sort(paths, by_version);
	for (guint i = 0; i < paths->len; i++) {
		GError *fault = NULL;
		struct snapshot *s = snapshot_load(paths->pdata[i], &fault);

		if (s)
			g_ptr_array_add(waiting, s);
		else
			note_fault(log, fault, &first);
	}

	while (waiting->len) {
		guint before = waiting->len;

		for (guint i = 0; i < waiting->len;) {
			struct snapshot *s = waiting->pdata[i];
			GError *fault = NULL;

			if (!forced && is_waiting(waiting, s->parent)) {
				i++;
				continue;
			}

			if (!snapshot_register(dom, s, &fault))
				note_fault(log, fault, &first);
			g_ptr_array_remove_index(waiting, i);
		}

		forced = waiting->len == before;	/* parents in a circle: as they come */
	}

	if (!first)
		return true;

	return vmm_pass(error, &first);
}
