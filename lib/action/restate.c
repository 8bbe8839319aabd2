#include "action/restate.h"

#include <sys/stat.h>

#include "base/file.h"
#include "tmpl/xml.h"
#include "virt/domain.h"
#include "virt/error.h"

enum { MAX_FILE = 16 << 20 };


static bool is_numbered_disk(const char *path)
{
	const char *name = strrchr(path, '/');

	if (!name || !g_str_has_prefix(name, "/disk."))
		return false;
	name += strlen("/disk.");
	return *name && strspn(name, "0123456789") == strlen(name);
}

/* One level of link, as its text says; NULL if there is nothing to replace. */
static char *target_of(const char *path)
{
	g_autofree char *text = is_numbered_disk(path) ? g_file_read_link(path, NULL) : NULL;
	g_autofree char *directory = g_path_get_dirname(path);
	g_autofree char *target = NULL;
	struct stat st;

	if (!text)
		return NULL;
	if (g_path_is_absolute(text))
		target = g_strdup(text);
	else
		target = g_build_filename(directory, text, NULL);
	return stat(target, &st) == 0 ? g_steal_pointer(&target) : NULL;
}

void restate_link(xmlNode *disk)
{
	xmlNode *source = tmpl_xml_child(disk, "source");
	g_autofree char *device = tmpl_xml_attribute(disk, "device");
	g_autofree char *file = tmpl_xml_attribute(source, "file");
	g_autofree char *target = NULL;

	if (!file || !xmlStrEqual(disk->name, BAD_CAST "disk") ||
	    !tmpl_xml_has(disk, "type", "file") || (device && !g_str_equal(device, "disk")))
		return;
	target = target_of(file);
	if (target)
		xmlSetProp(source, BAD_CAST "file", BAD_CAST target);
}

void restate_links(xmlNode *domain)
{
	xmlNode *devices = tmpl_xml_child(domain, "devices");

	for (xmlNode *n = tmpl_xml_child(devices, "disk"); n; n = tmpl_xml_next(n))
		restate_link(n);
}

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

bool restate_paths(xmlNode *domain, const char *checkpoint, const char *vm_id)
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
	xmlDoc *doc = text ? tmpl_xml_parse(text->str, text->len, path, error) : NULL;
	struct snapshot *s;
	xmlNode *root;

	if (!doc)
		return NULL;
	root = xmlDocGetRootElement(doc);
	s = g_new0(struct snapshot, 1);
	s->path = g_strdup(path);
	s->doc = doc;
	s->name = tmpl_xml_child_text(root, "name");
	s->parent = tmpl_xml_child_text(tmpl_xml_child(root, "parent"), "name");
	return s;
}

static void set_uuid(xmlNode *root, const char *element, const char *uuid)
{
	xmlNode *n = tmpl_xml_child(tmpl_xml_child(root, element), "uuid");

	if (n)
		xmlNodeSetContent(n, BAD_CAST uuid);
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
	restate_paths(root, s->path, NULL);
	text = tmpl_xml_print(root);
	if (!file_write(s->path, text, strlen(text), 0600, error))
		return false;
	made = virDomainSnapshotCreateXML(dom, text, VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE);
	return made || virt_fail(error, "cannot register snapshot %s", s->path);
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

bool restate_snapshots(virDomain *dom, const char *directory,
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
	g_propagate_error(error, g_steal_pointer(&first));
	return false;
}
