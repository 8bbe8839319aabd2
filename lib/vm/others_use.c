/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/others_use.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "conf/paths.h"
#include "virt/domain_xml.h"
#include "virt/virt_error.h"
#include "xml/xml.h"

/* What is looked for, beside the devices of one domain. */
struct search {
	const DeviceVm *v;
	const xmlNode *disk;	/* wanted; or NULL */
	const char *path;	/* its file; or NULL */
	const char *mac;	/* wanted; or NULL */
};

/* The file behind two paths may be one, and a device may have two nodes. */
static bool is_same_file(const char *a, const char *b)
{
	struct stat one, other;

	if (g_str_equal(a, b))
		return true;
	if (stat(a, &one) < 0 || stat(b, &other) < 0)
		return false;
	if (S_ISBLK(one.st_mode) && S_ISBLK(other.st_mode))
		return one.st_rdev == other.st_rdev;

	return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static bool is_read_only(const xmlNode *disk)
{
	return xml_child(disk, "readonly") || xml_has(disk, "device", "cdrom");
}

/* Whether the file of S is behind the image of DISK, which nobody may write to then. */
static bool is_behind(const struct search *s, const xmlNode *disk)
{
	const xmlNode *b = xml_child(disk, "backingStore");

	for (; b; b = xml_child(b, "backingStore")) {
		g_autofree char *path = virt_disk_path(b);

		if (path && is_same_file(path, s->path))
			return true;
	}

	return false;
}

/* Whether the file of S is in use for DISK in a way that bears no second user. */
static bool conflicts(const struct search *s, const xmlNode *disk)
{
	bool are_shared = xml_child(s->disk, "shareable") && xml_child(disk, "shareable");
	bool we_read = is_read_only(s->disk);
	g_autofree char *top = virt_disk_path(disk);

	if (top && is_same_file(top, s->path))
		return !are_shared && !(we_read && is_read_only(disk));

	return !we_read && is_behind(s, disk);
}

static bool check_disks(const struct search *s, const xmlNode *devices, const char *name,
			GError **error)
{
	for (const xmlNode *d = xml_child(devices, "disk"); d && s->path; d = xml_next(d)) {
		g_autofree char *target = xml_child_attribute(d, "target", "dev");

		if (!conflicts(s, d))
			continue;
		vmm_fail(error, VMM_ERROR_BUSY, "cannot attach %s to domain %s: domain %s uses it "
			 "for its disk %s", s->path, virDomainGetName(s->v->dom), name,
			 text_or(target, "?"));
		vmm_error_set_hint(error, "two guests that write to one image destroy it");
		return false;
	}

	return true;
}

static bool check_nics(const struct search *s, const xmlNode *devices, const char *name,
		       GError **error)
{
	for (const xmlNode *n = xml_child(devices, "interface"); n && s->mac; n = xml_next(n)) {
		g_autofree char *mac = xml_child_attribute(n, "mac", "address");

		if (!mac || g_ascii_strcasecmp(mac, s->mac) != 0)
			continue;
		vmm_fail(error, VMM_ERROR_EXISTS, "cannot attach NIC %s to domain %s: domain %s "
			 "has a NIC of that address", s->mac, virDomainGetName(s->v->dom), name);
		vmm_error_set_hint(error, "leave the address out, and one is made");
		return false;
	}

	return true;
}

/* A domain that has ended meanwhile uses nothing. */
static bool check_domain(const struct search *s, virDomain *dom, GError **error)
{
	g_autofree char *name = g_strdup(virDomainGetName(dom));
	g_autoptr(GError) cause = NULL;
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, &cause);
	const xmlNode *devices = xml_child(xmlDocGetRootElement(doc), "devices");

	if (!doc && vmm_is(cause, VMM_ERROR_NOT_FOUND))
		return true;
	if (!doc)
		return vmm_pass(error, &cause);

	return check_disks(s, devices, name, error) && check_nics(s, devices, name, error);
}

static bool check_all(const struct action_ctx *ctx, const struct search *s, GError **error)
{
	virDomain **list = NULL;
	int n = virConnectListAllDomains(ctx->conn, &list, 0);
	bool ok = true;

	if (n < 0)
		return virt_fail(error, "cannot list the domains of this host");

	for (int i = 0; i < n; i++) {
		ok = ok && check_domain(s, list[i], error);
		virDomainFree(list[i]);
	}

	free(list);

	return ok;
}

bool others_use_check_disk(const struct action_ctx *ctx, const DeviceVm *v, const xmlNode *disk,
			   GError **error)
{
	g_autofree char *path = virt_disk_path(disk);
	const struct search s = { .v = v, .disk = disk, .path = path };

	return !path || check_all(ctx, &s, error);
}

bool others_use_check_mac(const struct action_ctx *ctx, const DeviceVm *v, const char *mac,
			  GError **error)
{
	const struct search s = { .v = v, .mac = mac };

	return check_all(ctx, &s, error);
}

/* The VM whose directory of STORES, "STORES/ID/VM_ID", PATH lies in; NULL: of none. g_free() it. */
static char *vm_of(const char *stores, const char *path)
{
	g_auto(GStrv) parts = NULL;
	size_t len = strlen(stores);

	if (!g_str_has_prefix(path, stores) || path[len] != '/')
		return NULL;

	parts = g_strsplit(path + len + 1, "/", 3);
	if (g_strv_length(parts) < 3 || !text_is_digits(parts[0]) || !text_is_digits(parts[1]))
		return NULL;

	return g_strdup(parts[1]);
}

/* STORES, or, if DIRECTORY is "…/ID/VM_ID", "…". The caller frees. */
static char *stores_of(const char *directory)
{
	g_autofree char *plain = g_canonicalize_filename(directory, "/");
	g_autofree char *store = g_path_get_dirname(plain);

	return g_path_get_dirname(store);
}

static bool check_path(const DeviceVm *v, const char *path, const char *directory, GError **error)
{
	g_autofree char *usual = conf_path_var("datastores");
	g_autofree char *stores = stores_of(text_or(directory, "/"));
	g_autofree char *own = g_path_get_basename(text_or(directory, "-"));
	const char *const places[] = { usual, stores };

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autofree char *vm = vm_of(places[i], path);

		if (!vm || g_str_equal(vm, own))
			continue;
		vmm_fail(error, VMM_ERROR_REFUSED, "cannot attach %s to domain %s: it lies in the "
			 "directory of VM %s", path, virDomainGetName(v->dom), vm);
		vmm_error_set_hint(error, "copy it, or say --foreign if it is not that VM's any "
				   "more");
		return false;
	}

	return true;
}

bool others_use_check_place(const DeviceVm *v, const xmlNode *disk, const char *directory,
			    GError **error)
{
	g_autofree char *path = virt_disk_path(disk);
	char *real = path ? realpath(path, NULL) : NULL;
	bool ok = true;

	if (path)
		ok = check_path(v, path, directory, error);
	if (ok && real)
		ok = check_path(v, real, directory, error);
	free(real);

	return ok;
}
