/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/disk_images.h"

#include "conf/paths.h"
#include "image/image_places.h"

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
	const char *more = conf_kvmrc_string(ctx->rc, "IMAGE_BACKING_PATHS");
	const char *types = conf_kvmrc_string(ctx->rc, "VMDK_ALLOWED_TYPES");
	g_autofree char *stores = conf_path_var("datastores");
	struct image_places places;
	bool ok = true;

	image_places_init(&places, stores, directory, more, types);
	for (const xmlNode *n = disk; n && ok; n = all ? xml_next(n) : NULL)
		ok = check_disk(ctx, n, &places.policy, error);
	image_places_clear(&places);

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
