/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/wanted_disk.h"

#include <errno.h>
#include <sys/stat.h>

#include "virt/domain_xml.h"
#include "vm/disk_links.h"

xmlDoc *wanted_disk_new(const struct action_ctx *ctx, const DeviceVm *v, const TmplAttr *disk,
			const char *path, GError **error)
{
	const struct domain_attach attach = device_attach_of(ctx, v, path);
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *xml = domain_disk_xml(v->vm, disk, &attach, warnings, error);
	xmlDoc *doc = xml ? xml_parse(xml, strlen(xml), "disk", error) : NULL;

	for (guint i = 0; i < warnings->len; i++)
		action_log("WARN", "%s", (const char *)warnings->pdata[i]);
	if (doc)
		disk_link_resolve(xmlDocGetRootElement(doc));

	return doc;
}

bool wanted_disk_is(const xmlNode *there, const xmlNode *wanted)
{
	static const char *const names[] = { "file", "dev", "name", "dir" };

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *one = xml_child_attribute(there, "source", names[i]);
		g_autofree char *other = xml_child_attribute(wanted, "source", names[i]);

		if (g_strcmp0(one, other) != 0)
			return false;
	}

	return true;
}

enum wanted_disk wanted_disk_compare(const xmlNode *there, const xmlNode *wanted)
{
	g_autofree char *has = virt_disk_path(there);
	g_autofree char *path = virt_disk_path(wanted);
	struct stat live, asked;

	if (wanted_disk_is(there, wanted))
		return WANTED_DISK_SAME;
	if (!has || !path)
		return WANTED_DISK_OTHER;
	if (stat(has, &live) < 0)
		return WANTED_DISK_UNKNOWN;
	if (stat(path, &asked) < 0 && errno == ENOENT)
		return WANTED_DISK_OTHER;
	if (stat(path, &asked) < 0)
		return WANTED_DISK_UNKNOWN;
	if (live.st_dev == asked.st_dev && live.st_ino == asked.st_ino)
		return WANTED_DISK_SAME;

	return WANTED_DISK_OTHER;
}
