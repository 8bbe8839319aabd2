/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "host/qemu_img.h"
#include "vm/snapshot_redefine.h"
#include "base/file.h"
#include "base/text.h"
#include "image/image_use.h"
#include "xml/xml.h"
#include "virt/domain_xml.h"
#include "virt/virt_error.h"

char *snapshot_directory(const struct action_ctx *ctx, virDomain *dom, GError **error)
{
	char *directory;

	if (!virt_vm_directory_read(dom, conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI"), &directory,
				    error))
		return NULL;
	if (!directory)
		vmm_fail(error, VMM_ERROR_NOT_FOUND, "cannot read 'system_datastore' from domain "
			 "%s", virDomainGetName(dom));

	return directory;
}

/* NULL: it has none. Snapshots that others made may be called as other files of the VM, "vm". */
static char *file_of(const char *directory, const char *name)
{
	g_autofree char *file = g_strconcat(name, ".xml", NULL);

	if (strchr(name, '/') || !g_str_has_prefix(name, "snap-"))
		return NULL;

	return g_build_filename(directory, file, NULL);
}

static virDomainSnapshot *look_up(virDomain *dom, const char *name, GError **error)
{
	virDomainSnapshot *s = virDomainSnapshotLookupByName(dom, name, 0);

	if (!s && virt_last_is(VIR_ERR_NO_DOMAIN_SNAPSHOT))
		vmm_fail(error, VMM_ERROR_NOT_FOUND, "domain %s has no snapshot %s",
			 virDomainGetName(dom), name);
	else if (!s)
		virt_fail(error, "cannot look for snapshot %s", name);

	return s;
}

virDomainSnapshot *snapshot_find(virDomain *dom, const char *directory, const char *name,
				 GError **error)
{
	g_autoptr(GError) cause = NULL;
	virDomainSnapshot *s = look_up(dom, name, &cause);
	g_autofree char *file = directory ? file_of(directory, name) : NULL;

	if (!s && vmm_is(cause, VMM_ERROR_NOT_FOUND) && file &&
	    access(file, R_OK) == 0) {
		g_clear_error(&cause);
		/* If the snapshot's file exists, the snapshot is not gone. */
		snapshot_redefine_all(dom, directory, action_log, &cause);
		s = look_up(dom, name, cause ? NULL : &cause);
	}

	if (!s)
		vmm_pass(error, &cause);

	return s;
}

bool snapshot_keep(virDomainSnapshot *s, const char *directory, GError **error)
{
	g_autofree char *file = file_of(directory, virDomainSnapshotGetName(s));
	char *xml = NULL;
	bool ok;

	if (!file)
		return true;
	xml = virDomainSnapshotGetXMLDesc(s, VIR_DOMAIN_SNAPSHOT_XML_SECURE);
	if (!xml)
		return virt_fail(error, "cannot read snapshot %s", virDomainSnapshotGetName(s));
	ok = file_make_directory(directory, error) &&
	     file_write(file, xml, strlen(xml), 0600, error);
	free(xml);

	return ok;
}

bool snapshot_is_kept(const char *directory, const char *name, char **ret_file)
{
	g_autofree char *file = file_of(directory, name);
	bool is_there = file && access(file, F_OK) == 0;

	if (ret_file)
		*ret_file = g_steal_pointer(&file);

	return is_there;
}

bool snapshot_forget(virDomain *dom, const char *directory, const char *name, GError **error)
{
	g_autofree char *own = file_of(directory, name);
	virDomainSnapshotPtr *list = NULL;
	int n = virDomainListAllSnapshots(dom, &list, 0);
	bool ok = n >= 0 || virt_fail(error, "cannot list the snapshots of domain %s",
				      virDomainGetName(dom));

	if (ok && own && unlink(own) < 0 && errno != ENOENT)
		ok = vmm_fail_errno(error, errno, "cannot remove %s", own);
	for (int i = 0; i < n; i++) {
		g_autofree char *file = file_of(directory, virDomainSnapshotGetName(list[i]));

		if (ok && file && access(file, F_OK) == 0)
			ok = snapshot_keep(list[i], directory, error);
		virDomainSnapshotFree(list[i]);
	}

	free(list);

	return ok;
}

static bool image_has(const struct action_ctx *ctx, const char *path, const char *name,
		      bool *ret_has, GError **error)
{
	struct qemu_image image;

	if (!qemu_img_read(ctx, path, &image, error))
		return false;
	*ret_has = g_ptr_array_find_with_equal_func(image.snapshots, name, g_str_equal, NULL);
	qemu_img_clear(&image);

	return true;
}

static bool refuse_revert(GError **error, const char *name, const char *target, const char *why)
{
	vmm_fail(error, VMM_ERROR_REFUSED, "cannot revert to snapshot %s: disk %s %s", name,
		 target, why);
	vmm_error_set_hint(error, "the VM would be lost; nothing was changed");
	return false;
}

/* DISK is one of the snapshot's own list; QEMU starts with the images that it had THEN. */
static bool is_held(const struct action_ctx *ctx, const xmlNode *disk, const xmlNode *now,
		    const xmlNode *then, const char *name, GError **error)
{
	g_autofree char *target = xml_attribute(disk, "name");
	g_autofree char *how = xml_attribute(disk, "snapshot");
	g_autofree char *path = NULL, *planned = virt_disk_path(virt_disk(then, target));
	bool has;

	if (planned && access(planned, F_OK) < 0)
		return refuse_revert(error, name, target, "is not where it was then");
	if (g_strcmp0(how, "internal") != 0)
		return true;
	if (planned)
		path = g_strdup(planned);
	else
		path = virt_disk_path(virt_disk(now, target));
	if (!path)
		return true;	/* a network's: only QEMU can read it */
	if (!image_has(ctx, path, name, &has, error))
		return false;

	if (has)
		return true;

	return refuse_revert(error, name, target, "does not hold it");
}

/* The name of DEVICE for users, which differs from others of its kind; NULL: not compared. */
static char *device_name(const xmlNode *device)
{
	const char *kind = (const char *)device->name;
	g_autofree char *id = NULL, *path = NULL, *base = NULL;

	if (g_str_equal(kind, "disk")) {
		id = xml_child_attribute(device, "target", "dev");
		if (xml_has(device, "device", "cdrom"))
			path = NULL;
		else
			path = virt_disk_path(device);
		if (path)
			base = g_path_get_basename(path);
		else
			base = NULL;
		if (base)
			return g_strdup_printf("disk %s (%s)", id, base);

		return g_strdup_printf("disk %s", id);
	}

	if (g_str_equal(kind, "interface")) {
		id = xml_child_attribute(device, "mac", "address");
		return g_strdup_printf("NIC %s", text_or(id, ""));
	}

	if (g_str_equal(kind, "filesystem")) {
		id = xml_child_attribute(device, "target", "dir");
		return g_strdup_printf("file system %s", text_or(id, ""));
	}

	if (!g_str_equal(kind, "hostdev") && !g_str_equal(kind, "memory"))
		return NULL;
	id = xml_child_attribute(device, "alias", "name");

	return g_strdup_printf("%s %s", kind, text_or(id, ""));
}

/* Names of the devices of DOMAIN. */
static GPtrArray *device_names(const xmlNode *domain)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	const xmlNode *devices = xml_child(domain, "devices");

	for (xmlNode *n = devices ? devices->children : NULL; n; n = n->next) {
		char *name = n->type == XML_ELEMENT_NODE ? device_name(n) : NULL;

		if (name)
			g_ptr_array_add(names, name);
	}

	return names;
}

/* "disk vdb (disk.3), NIC …": what of A is not in B; NULL: nothing. The caller frees. */
static char *missing(const GPtrArray *a, GPtrArray *b)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < a->len; i++)
		if (!g_ptr_array_find_with_equal_func(b, a->pdata[i], g_str_equal, NULL))
			g_string_append_printf(text, "%s%s", text->len ? ", " : "",
					       (char *)a->pdata[i]);
	if (text->len)
		return g_string_free(g_steal_pointer(&text), FALSE);

	return NULL;
}

/* libvirt reverts to the devices of THEN: each device of NOW must be among them. */
static bool keeps_devices(const xmlNode *now, const xmlNode *then, const char *name,
			  GError **error)
{
	g_autoptr(GPtrArray) has = device_names(now), had = device_names(then);
	g_autofree char *lost = missing(has, had), *back = missing(had, has);

	if (lost) {
		vmm_fail(error, VMM_ERROR_REFUSED, "cannot revert to snapshot %s: it was made "
			 "without what the VM has now: %s", name, lost);
		vmm_error_set_hint(error, "detach that first, and attach it again afterwards; or "
				   "make a new snapshot");
		return false;
	}

	if (back)
		action_log("WARN", "snapshot %s brings back what was detached since: %s", name,
			   back);

	return true;
}

/* Whether DISK is opened for itself alone. */
static bool is_writer(const xmlNode *disk)
{
	if (xml_child(disk, "readonly") || xml_child(disk, "shareable"))
		return false;

	return !xml_has(disk, "device", "cdrom");
}

/* DISK comes back: another VM may have its image by now, on any host. */
static bool check_free_image(const xmlNode *disk, const char *name, GError **error)
{
	g_autofree char *target = xml_child_attribute(disk, "target", "dev");
	g_autofree char *path = virt_disk_path(disk);
	bool is_used;
	int fd;

	if (!path)
		return true;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot revert to snapshot %s: disk %s would "
				      "come back: cannot open %s", name, target, path);
	is_used = image_in_use(fd);
	close(fd);
	if (!is_used)
		return true;

	vmm_fail(error, VMM_ERROR_BUSY, "cannot revert to snapshot %s: disk %s would come back, "
		 "and another QEMU has its image %s open", name, target, path);
	vmm_error_set_hint(error, "the VM would be lost; detach the image from the other VM first");

	return false;
}

/* libvirt ends the VM first: with an image that another has, it could not start it again. */
static bool check_returning(const xmlNode *now, const xmlNode *then, const char *name,
			    GError **error)
{
	const xmlNode *disk = xml_child(xml_child(then, "devices"), "disk");

	for (; disk; disk = xml_next(disk)) {
		g_autofree char *target = xml_child_attribute(disk, "target", "dev");

		if (!target || virt_disk(now, target) || !is_writer(disk))
			continue;
		if (!check_free_image(disk, name, error))
			return false;
	}

	return true;
}

xmlDoc *snapshot_xml(virDomainSnapshot *s, GError **error)
{
	char *text = virDomainSnapshotGetXMLDesc(s, 0);
	xmlDoc *doc;

	if (!text) {
		virt_fail(error, "cannot read snapshot %s", virDomainSnapshotGetName(s));
		return NULL;
	}

	doc = xml_parse(text, strlen(text), "snapshot", error);
	free(text);

	return doc;
}

static bool is_whole(const struct action_ctx *ctx, virDomain *dom, virDomainSnapshot *s,
		     bool revert, GError **error)
{
	const char *name = virDomainSnapshotGetName(s);
	g_autoptr(xmlDoc) now = virt_xml_doc(dom, error);
	g_autoptr(xmlDoc) doc = now ? snapshot_xml(s, error) : NULL;
	const xmlNode *root, *live, *then, *disks;
	bool ok = true;

	if (!doc)
		return false;
	live = xmlDocGetRootElement(now);
	root = xmlDocGetRootElement(doc);
	then = xml_child(root, "domain");
	disks = xml_child(root, "disks");
	for (xmlNode *n = disks ? disks->children : NULL; n && ok; n = n->next)
		if (n->type == XML_ELEMENT_NODE)
			ok = is_held(ctx, n, live, then, name, error);

	if (!ok)
		return false;
	if (!revert)
		return true;

	return keeps_devices(live, then, name, error) && check_returning(live, then, name, error);
}

bool snapshot_is_whole(const struct action_ctx *ctx, virDomain *dom, virDomainSnapshot *s,
		       GError **error)
{
	return is_whole(ctx, dom, s, false, error);
}

bool snapshot_can_revert(const struct action_ctx *ctx, virDomain *dom, virDomainSnapshot *s,
			 GError **error)
{
	return is_whole(ctx, dom, s, true, error);
}

void snapshot_drop_orphan(virDomain *dom, const char *name)
{
	g_autofree char *now = g_strdup_printf("%" G_GINT64_FORMAT,
					       g_get_real_time() / G_USEC_PER_SEC);
	g_autofree char *domain = virt_xml(dom, NULL), *xml = NULL;
	g_autoptr(virDomainSnapshot) s = NULL;
	g_autoptr(xmlDoc) live = NULL;
	xmlNode *root;

	if (!domain)
		return;
	live = xml_parse(domain, strlen(domain), "domain", NULL);
	if (!live)
		return;
	root = xmlNewNode(NULL, BAD_CAST "domainsnapshot");
	xmlNewTextChild(root, NULL, BAD_CAST "name", BAD_CAST name);
	xmlNewTextChild(root, NULL, BAD_CAST "state", BAD_CAST "running");
	xmlNewTextChild(root, NULL, BAD_CAST "creationTime", BAD_CAST now);
	xmlNewProp(xmlNewChild(root, NULL, BAD_CAST "memory", NULL), BAD_CAST "snapshot",
		   BAD_CAST "internal");
	xmlAddChild(root, xmlCopyNode(xmlDocGetRootElement(live), 1));
	xml = xml_print(root);
	xmlFreeNode(root);
	s = virDomainSnapshotCreateXML(dom, xml, VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE);
	if (!s || virDomainSnapshotDelete(s, 0) < 0)
		virResetLastError();
}
