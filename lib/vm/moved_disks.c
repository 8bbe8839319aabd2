/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/moved_disks.h"

#include "virt/domain_xml.h"
#include "xml/xml.h"

struct count {
	char *from, *to;
	unsigned stayed, moved;
};

/* Whether PATH is DIRECTORY or below it. */
static bool is_in(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	return strncmp(path, directory, len) == 0 && strchr("/", path[len]);
}

static void count_path(struct count *c, const char *path)
{
	g_autofree char *plain = path ? g_canonicalize_filename(path, "/") : NULL;

	if (!plain)
		return;
	c->stayed += is_in(plain, c->from);
	c->moved += is_in(plain, c->to);
}

/* A disk that is still copied is in both. */
static void count_disk(struct count *c, const xmlNode *disk)
{
	g_autofree char *path = virt_disk_path(disk);
	g_autofree char *copy = virt_disk_path(xml_child(disk, "mirror"));

	if (xml_child(disk, "readonly"))
		return;
	count_path(c, path);
	count_path(c, copy);
}

bool moved_disks_look(const struct action_ctx *ctx, virDomain *dom, const char *from,
		      const char *to, enum moved_disks *ret, GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, error);
	const xmlNode *devices = xml_child(xmlDocGetRootElement(doc), "devices");
	g_autofree char *directory = NULL, *plain_from = g_canonicalize_filename(from, "/");
	g_autofree char *plain_to = g_canonicalize_filename(to, "/");
	struct count c = { .from = plain_from, .to = plain_to };

	if (!doc)
		return false;
	if (!virt_vm_directory_read(dom, conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI"), &directory,
				    error))
		return false;
	count_path(&c, directory);
	for (const xmlNode *n = xml_child(devices, "disk"); n; n = xml_next(n))
		count_disk(&c, n);

	if (!c.moved)
		*ret = MOVED_NONE;
	else if (c.stayed)
		*ret = MOVED_SOME;
	else
		*ret = MOVED_ALL;

	return true;
}
