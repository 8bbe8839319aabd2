/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/disk_images.h"

#include "base/text.h"
#include "conf/paths.h"
#include "image/image_header.h"
#include "image/image_places.h"
#include "virt/domain_xml.h"

/* The file or device that SOURCE names; NULL: it is something else. The caller frees. */
static char *path_of(const xmlNode *source)
{
	char *path = xml_attribute(source, "file");

	return path ? path : xml_attribute(source, "dev");
}

/*
 * What the XML itself calls the files behind PATH: QEMU then opens those, whatever the headers say.
 * SOURCE is the disk's, CHAIN the disk or a <backingStore> in it.
 */
static bool check_named(const xmlNode *chain, const char *path, const struct image_policy *policy,
			GError **error)
{
	const xmlNode *data = xml_child(xml_child(chain, "source"), "dataStore");
	const xmlNode *next = xml_child(chain, "backingStore");
	g_autofree char *data_path = path_of(xml_child(data, "source"));
	g_autofree char *next_path = path_of(xml_child(next, "source"));
	g_autofree char *format = xml_child_attribute(next, "format", "type");

	if (data_path && !image_check_backing(path, data_path, "raw", policy, error))
		return false;
	if (!next_path)
		return true;
	if (!image_check_backing(path, next_path, text_or(format, "raw"), policy, error))
		return false;

	return check_named(next, next_path, policy, error);
}

/* With IMAGE_CHECK = warn what is wrong is no error. CAUSE is taken. */
static bool weigh(const struct action_ctx *ctx, GError *cause, GError **error)
{
	const char *mode = conf_kvmrc_string(ctx->rc, "IMAGE_CHECK");
	g_autoptr(GError) why = cause;

	if (g_ascii_strcasecmp(mode, "warn"))
		return vmm_pass(error, &why);
	action_log("WARN", "%s", why->message);

	return true;
}

static bool check_disk(const struct action_ctx *ctx, const xmlNode *disk,
		       const struct image_policy *policy, GError **error)
{
	const char *name = xml_has(disk, "type", "block") ? "dev" : "file";
	g_autofree char *path = xml_child_attribute(disk, "source", name);
	g_autofree char *format = xml_child_attribute(disk, "driver", "type");
	g_autofree char *target = xml_child_attribute(disk, "target", "dev");
	GError *cause = NULL;

	if (!path || !(xml_has(disk, "type", "file") || xml_has(disk, "type", "block")))
		return true;
	/* libvirt takes a disk that declares nothing for raw. */
	if (image_check(path, text_or(format, "raw"), policy, &cause) &&
	    check_named(disk, path, policy, &cause))
		return true;

	g_prefix_error(&cause, "disk %s: ", text_or(target, "?"));

	return weigh(ctx, cause, error);
}

/* Image ELEMENT of <os>, raw unless its attribute FORMAT says otherwise; PATH may be NULL. */
static bool check_flash(const struct action_ctx *ctx, const xmlNode *element, const char *path,
			const char *format, const struct image_policy *policy, GError **error)
{
	g_autofree char *declared = xml_attribute(element, format);
	GError *cause = NULL;

	if (!path || !declared)
		return true;
	if (!g_file_test(path, G_FILE_TEST_EXISTS))	/* it is made first */
		return true;
	if (image_check(path, declared, policy, &cause))
		return true;

	g_prefix_error(&cause, "os/%s: ", (const char *)element->name);

	return weigh(ctx, cause, error);
}

/* QEMU opens the firmware and its variables as it opens disks, and libvirt copies the template. */
static bool check_firmware(const struct action_ctx *ctx, const xmlNode *os,
			   const struct image_policy *policy, GError **error)
{
	const xmlNode *loader = xml_child(os, "loader"), *nvram = xml_child(os, "nvram");
	g_autofree char *code = xml_child_text(os, "loader"), *text = xml_child_text(os, "nvram");
	g_autofree char *source = path_of(xml_child(nvram, "source"));
	g_autofree char *template = xml_attribute(nvram, "template");
	const char *store = source ? source : text;

	return check_flash(ctx, loader, code, "format", policy, error) &&
	       check_flash(ctx, nvram, store, "format", policy, error) &&
	       check_flash(ctx, nvram, template, "templateFormat", policy, error);
}

static bool is_off(const struct action_ctx *ctx)
{
	const char *mode = conf_kvmrc_string(ctx->rc, "IMAGE_CHECK");

	return !conf_kvmrc_bool(ctx->rc, "IMAGE_CHECK") && g_ascii_strcasecmp(mode, "warn") != 0;
}

static void places_init(struct image_places *places, const struct action_ctx *ctx,
			const char *directory)
{
	const char *more = conf_kvmrc_string(ctx->rc, "IMAGE_BACKING_PATHS");
	const char *types = conf_kvmrc_string(ctx->rc, "VMDK_ALLOWED_TYPES");
	g_autofree char *stores = conf_path_var("datastores");

	image_places_init(places, stores, directory, more, types);
}

bool disk_images_check(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		       GError **error)
{
	const xmlNode *disk = xml_child(xml_child(domain, "devices"), "disk");
	struct image_places places;
	bool ok;

	if (is_off(ctx))
		return true;
	places_init(&places, ctx, directory);
	ok = check_firmware(ctx, xml_child(domain, "os"), &places.policy, error);
	for (; disk && ok; disk = xml_next(disk))
		ok = check_disk(ctx, disk, &places.policy, error);
	image_places_clear(&places);

	return ok;
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
	struct image_places places;
	bool ok;

	if (is_off(ctx))
		return true;
	places_init(&places, ctx, directory);
	ok = check_disk(ctx, disk, &places.policy, error);
	image_places_clear(&places);

	return ok;
}

/* The format of PATH's header, if raw data never begins so by chance; static. NULL: of none. */
static const char *mark_of(const char *path)
{
	static const char *const formats[] = { "qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx" };
	struct image_header header;
	const char *found = NULL;

	if (!image_header_load(path, &header, NULL))	/* the other checks say why */
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (g_str_equal(formats[i], header.format))
			found = formats[i];
	image_header_clear(&header);

	return found;
}

bool disk_image_check_named(const xmlNode *disk, GError **error)
{
	g_autofree char *path = virt_disk_path(disk);
	g_autofree char *format = xml_child_attribute(disk, "driver", "type");
	const char *found = NULL;

	if (path && !g_strcmp0(format, "raw"))
		found = mark_of(path);
	if (!found)
		return true;

	vmm_fail(error, VMM_ERROR_INPUT, "%s is called as a raw image, and has the header of a %s "
		 "image", path, found);
	vmm_error_set_hint(error, "give --format %s; or --format raw, if its guest wrote that "
			   "header", found);

	return false;
}
