/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/disk_links.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "xml/xml.h"

static bool is_numbered_disk(const char *path)
{
	const char *name = strrchr(path, '/');

	if (!name || !g_str_has_prefix(name, "/disk."))
		return false;
	name += strlen("/disk.");

	return text_is_digits(name);
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

	if (stat(target, &st) == 0)
		return g_steal_pointer(&target);

	return NULL;
}

void disk_link_resolve(xmlNode *disk)
{
	xmlNode *source = xml_child(disk, "source");
	g_autofree char *device = xml_attribute(disk, "device");
	g_autofree char *file = xml_attribute(source, "file");
	g_autofree char *target = NULL;

	if (!file || !xmlStrEqual(disk->name, BAD_CAST "disk") || !xml_has(disk, "type", "file") ||
	    (device && !g_str_equal(device, "disk")))
		return;
	target = target_of(file);
	if (target)
		xmlSetProp(source, BAD_CAST "file", BAD_CAST target);
}

void disk_links_resolve(xmlNode *domain)
{
	xmlNode *devices = xml_child(domain, "devices");

	for (xmlNode *n = xml_child(devices, "disk"); n; n = xml_next(n))
		disk_link_resolve(n);
}
