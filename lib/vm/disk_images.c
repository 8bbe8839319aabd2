/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/disk_images.h"

#include "conf/paths.h"
#include "image/image_check.h"

static bool is_number(const char *name)
{
	return *name && strspn(name, "0123456789") == strlen(name);
}

struct places {
	GPtrArray *directories, *stores;	/* end with NULL */
	char *vm_id;				/* NULL: unknown */
};

static void add_path(GPtrArray *to, const char *path)
{
	if (path && g_path_is_absolute(path))
		g_ptr_array_add(to, g_strdup(path));
}

/* STORES/ID/VM_ID, where oned keeps what is of a VM; of any other directory only that itself. */
static void add_vm_directory(struct places *p, const char *directory)
{
	g_autofree char *plain = g_canonicalize_filename(directory, "/");
	g_autofree char *vm = g_path_get_basename(plain);
	g_autofree char *store = g_path_get_dirname(plain);
	g_autofree char *store_id = g_path_get_basename(store);
	g_autofree char *stores = g_path_get_dirname(store);

	add_path(p->directories, plain);
	if (!is_number(vm) || !is_number(store_id))
		return;
	add_path(p->stores, stores);
	p->vm_id = g_steal_pointer(&vm);
}

static void places_init(struct places *p, const ConfKvmrc *rc, const char *directory)
{
	g_autofree char *stores = conf_path_var("datastores");
	const char *more = conf_kvmrc_string(rc, "IMAGE_BACKING_PATHS");
	g_auto(GStrv) words = g_strsplit_set(more ? more : "", " \t\n", -1);

	p->directories = g_ptr_array_new_with_free_func(g_free);
	p->stores = g_ptr_array_new_with_free_func(g_free);
	p->vm_id = NULL;
	add_path(p->stores, stores);
	if (directory && g_path_is_absolute(directory))
		add_vm_directory(p, directory);
	for (char **w = words; *w; w++)
		add_path(p->directories, *w);
	g_ptr_array_add(p->directories, NULL);
	g_ptr_array_add(p->stores, NULL);
}

static void places_clear(struct places *p)
{
	g_ptr_array_unref(p->directories);
	g_ptr_array_unref(p->stores);
	g_free(p->vm_id);
}

static bool check_disk(const struct action_ctx *ctx, const xmlNode *disk,
		       const struct image_policy *policy, GError **error)
{
	const char *name = xml_has(disk, "type", "block") ? "dev" : "file";
	g_autofree char *path = xml_child_attribute(disk, "source", name);
	g_autofree char *format = xml_child_attribute(disk, "driver", "type");
	g_autofree char *target = xml_child_attribute(disk, "target", "dev");
	const char *mode = conf_kvmrc_string(ctx->rc, "IMAGE_CHECK");
	g_autoptr(GError) cause = NULL;

	if (!path || !(xml_has(disk, "type", "file") || xml_has(disk, "type", "block")))
		return true;
	/* libvirt takes a disk that declares nothing for raw. */
	if (image_check(path, format ? format : "raw", policy, &cause))
		return true;

	g_prefix_error(&cause, "disk %s: ", target ? target : "?");
	if (g_ascii_strcasecmp(mode, "warn"))
		return vmm_pass(error, &cause);
	action_log("WARN", "%s", cause->message);

	return true;
}

static bool is_off(const struct action_ctx *ctx)
{
	const char *mode = conf_kvmrc_string(ctx->rc, "IMAGE_CHECK");

	return !conf_kvmrc_bool(ctx->rc, "IMAGE_CHECK") && g_ascii_strcasecmp(mode, "warn") != 0;
}

/* DISK and, if ALL, its siblings. */
static bool check_disks(const struct action_ctx *ctx, const xmlNode *disk, bool all,
			const char *directory, GError **error)
{
	g_auto(GStrv) types = g_strsplit(conf_kvmrc_string(ctx->rc, "VMDK_ALLOWED_TYPES"), " ", -1);
	struct image_policy policy = { .vmdk_types = (const char *const *)types };
	struct places places;
	bool ok = true;

	places_init(&places, ctx->rc, directory);
	policy.directories = (const char *const *)places.directories->pdata;
	policy.stores = (const char *const *)places.stores->pdata;
	policy.vm_id = places.vm_id;
	for (const xmlNode *n = disk; n && ok; n = all ? xml_next(n) : NULL)
		ok = check_disk(ctx, n, &policy, error);
	places_clear(&places);

	return ok;
}

bool disk_images_check(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		       GError **error)
{
	const xmlNode *devices = xml_child(domain, "devices");

	return is_off(ctx) || check_disks(ctx, xml_child(devices, "disk"), true, directory, error);
}

bool disk_images_check_again(const struct action_ctx *ctx, virDomain *dom, const char *directory,
			     GError **error)
{
	g_autoptr(xmlDoc) doc = NULL;

	if (is_off(ctx))
		return true;
	doc = virt_xml_doc(dom, error);
	if (!doc)
		return false;

	return disk_images_check(ctx, xmlDocGetRootElement(doc), directory, error);
}

bool disk_image_check(const struct action_ctx *ctx, const xmlNode *disk, const char *directory,
		      GError **error)
{
	return is_off(ctx) || check_disks(ctx, disk, false, directory, error);
}
