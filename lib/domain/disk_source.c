/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/attach.h"
#include "domain/builders.h"

/* docs/facts/deployment.md 2.13.1: the kind of a disk says where its data is. */

typedef void make_source(DomainBuild *b, xmlNode *source, const TmplAttr *disk);

/* oned writes CLONE itself, in capitals; a user cannot set it. */
static bool is_clone(const TmplAttr *disk)
{
	return !g_strcmp0(tmpl_attr_text(disk, "CLONE"), "YES");
}

static bool is_volatile(const TmplAttr *disk)
{
	const char *type = tmpl_attr_text(disk, "TYPE");

	if (!type)
		return false;

	return !g_ascii_strcasecmp(type, "swap") || !g_ascii_strcasecmp(type, "fs");
}

/* The SOURCE of a volatile disk was not written by an image driver. */
static const char *image_source(const TmplAttr *disk)
{
	const char *source;

	if (is_volatile(disk))
		source = NULL;
	else
		source = tmpl_attr_text(disk, "SOURCE");

	if (source)
		return source;

	return "";
}

static const char *disk_id(const TmplAttr *disk)
{
	const char *id = tmpl_attr_text(disk, "DISK_ID");

	if (id)
		return id;

	return "";
}

/* attach knows where its disk is; deploy has all disks in the VM's directory. */
static char *own_path(const DomainBuild *b, const TmplAttr *disk)
{
	if (b->attach && b->attach->path)
		return g_strdup(b->attach->path);
	return g_strdup_printf("%s/disk.%s", b->directory, disk_id(disk));
}

static void file_source(DomainBuild *b, xmlNode *source, const TmplAttr *disk)
{
	g_autofree char *path = own_path(b, disk);

	domain_set(b, source, "file", path);
}

static void block_source(DomainBuild *b, xmlNode *source, const TmplAttr *disk)
{
	g_autofree char *path = own_path(b, disk);

	domain_set(b, source, "dev", path);
}

/*
 * The host of HOST, HOST:PORT, [IPv6] or [IPv6]:PORT; the caller frees. *RET_PORT,
 * a part of TEXT, is set only when that has one.
 */
static char *split_host(const char *text, const char **ret_port)
{
	const char *bracket = NULL, *colon;

	if (*text == '[')
		bracket = strchr(text, ']');

	if (bracket) {
		colon = strchr(bracket, ':');
		if (colon)
			*ret_port = colon + 1;
		return g_strndup(text + 1, (gsize)(bracket - text - 1));
	}

	colon = strchr(text, ':');
	if (!colon)
		return g_strdup(text);

	/* An IPv6 address without brackets has no port. */
	if (strchr(colon + 1, ':'))
		return g_strdup(text);

	*ret_port = colon + 1;

	return g_strndup(text, (gsize)(colon - text));
}

/* PORT: the one that the protocol has; NULL: libvirt knows it. */
static void add_host(DomainBuild *b, xmlNode *source, const char *text, const char *port,
		     const char *transport)
{
	g_autofree char *name = split_host(text, &port);
	xmlNode *host = domain_element(source, "host");

	domain_set(b, host, "name", name);
	if (port)
		domain_set(b, host, "port", port);
	if (transport)
		domain_set(b, host, "transport", transport);
}

static void add_hosts(DomainBuild *b, xmlNode *source, const TmplAttr *disk, const char *key,
		      const char *port, const char *transport)
{
	const char *list = tmpl_attr_text(disk, key);
	g_auto(GStrv) hosts = g_strsplit(domain_or(list, ""), " ", -1);

	for (char **h = hosts; *h; h++)
		if (**h)
			add_host(b, source, *h, port, transport);
}

/* How libvirt finds the secret of a protocol; the keys are those of a DISK. */
struct auth {
	const char *user_key, *secret_key;
	const char *type, *attribute;
};

static const struct auth iscsi_auth = { "ISCSI_USER", "ISCSI_USAGE", "iscsi", "usage" };
static const struct auth ceph_auth = { "CEPH_USER", "CEPH_SECRET", "ceph", "uuid" };

static void add_auth(DomainBuild *b, xmlNode *source, const TmplAttr *disk, const struct auth *a)
{
	const char *user = tmpl_attr_text(disk, a->user_key);
	const char *secret = tmpl_attr_text(disk, a->secret_key);
	xmlNode *auth, *node;

	if (!user || !secret)
		return;

	auth = domain_element(source->parent, "auth");
	domain_set(b, auth, "username", user);
	node = domain_element(auth, "secret");
	domain_set(b, node, "type", a->type);
	domain_set(b, node, a->attribute, secret);
}

static void iscsi_source(DomainBuild *b, xmlNode *source, const TmplAttr *disk)
{
	const char *iqn = tmpl_attr_text(disk, "ISCSI_IQN");

	domain_set(b, source, "protocol", "iscsi");
	domain_set(b, source, "name", domain_or(iqn, image_source(disk)));
	add_hosts(b, source, disk, "ISCSI_HOST", "3260", NULL);
	add_auth(b, source, disk, &iscsi_auth);
}

/*
 * A disk without SOURCE is volatile: oned's Ceph driver makes it in the pool as "one-sys-VM-DISK".
 * kvm-image gives that name also to the copy of an image that is not called POOL/IMAGE (a file, a
 * URL). A clone has the suffix "-VM-DISK" behind the name of its image.
 */
static void rbd_source(DomainBuild *b, xmlNode *source, const TmplAttr *disk)
{
	const char *image = image_source(disk), *pool = tmpl_attr_text(disk, "POOL_NAME");
	bool is_elsewhere = *image == '/' || strstr(image, "://");
	GString *name;

	if (is_elsewhere && is_clone(disk))
		image = "";
	name = g_string_new(image);

	if (!*image)
		g_string_append_printf(name, "%s/one-sys", domain_or(pool, "one"));
	if (!*image || is_clone(disk))
		g_string_append_printf(name, "-%s-%s", b->id, disk_id(disk));
	domain_set(b, source, "protocol", "rbd");
	domain_set(b, source, "name", name->str);
	g_string_free(name, TRUE);
	add_hosts(b, source, disk, "CEPH_HOST", "6789", NULL);
	add_auth(b, source, disk, &ceph_auth);
}

static void sheepdog_source(DomainBuild *b, xmlNode *source, const TmplAttr *disk)
{
	g_autofree char *name = NULL;

	if (is_clone(disk))
		name = g_strdup_printf("%s-%s-%s", image_source(disk), b->id, disk_id(disk));
	else
		name = g_strdup(image_source(disk));

	domain_set(b, source, "protocol", "sheepdog");
	domain_set(b, source, "name", name);
	add_hosts(b, source, disk, "SHEEPDOG_HOST", NULL, "tcp");
}

static void gluster_source(DomainBuild *b, xmlNode *source, const TmplAttr *disk)
{
	const char *volume = domain_or(tmpl_attr_text(disk, "GLUSTER_VOLUME"), "");
	const char *image = image_source(disk);
	const char *slash = strrchr(image, '/'), *base = image;
	g_autofree char *name = NULL;

	/* SOURCE is a path: on the volume an image has its last part as its name. */
	if (slash)
		base = slash + 1;

	if (is_clone(disk))
		name = g_strdup_printf("%s/%s/disk.%s", volume, b->id, disk_id(disk));
	else
		name = g_strdup_printf("%s/%s", volume, base);

	if (!is_clone(disk) && !*image)
		domain_problem(b, disk, "SOURCE is missing");
	domain_set(b, source, "protocol", "gluster");
	domain_set(b, source, "name", name);
	add_hosts(b, source, disk, "GLUSTER_HOST", "24007", "tcp");
}

static const struct {
	const char *kind;
	const char *type;	/* of the <disk> */
	make_source *make;
} kinds[] = {
	{ "FILE",           "file",    file_source },
	{ "BLOCK",          "block",   block_source },
	{ "BLOCK_CDROM",    "block",   block_source },
	{ "ISCSI",          "network", iscsi_source },
	{ "RBD",            "network", rbd_source },
	{ "RBD_CDROM",      "network", rbd_source },
	{ "SHEEPDOG",       "network", sheepdog_source },
	{ "SHEEPDOG_CDROM", "network", sheepdog_source },
	{ "GLUSTER",        "network", gluster_source },
	{ "GLUSTER_CDROM",  "network", gluster_source },
	{ "CDROM",          "file",    file_source },
	{ "FILESYSTEM",     NULL,      NULL },
};

static const struct {
	const char *word, *kind;
} synonyms[] = {
	{ "", "FILE" }, { "NONE", "FILE" }, { "disk", "FILE" }, { "cdrom", "CDROM" },
};

static const char *find_kind(const char *word)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (!strcmp(kinds[i].kind, word))
			return kinds[i].kind;
	for (size_t i = 0; i < G_N_ELEMENTS(synonyms); i++)
		if (!strcmp(synonyms[i].word, word))
			return synonyms[i].kind;

	return NULL;
}

/* A volatile disk is made by the system datastore, which has these three kinds (E9). */
static const char *volatile_kind(DomainBuild *b, const TmplAttr *disk, const char *second)
{
	static const char *const allowed[] = { "FILE", "BLOCK", "RBD", NULL };
	const char *kind = find_kind(second);

	if (kind && g_strv_contains(allowed, kind))
		return kind;

	domain_problem(b, disk, "DISK_TYPE = '%s': a volatile disk is FILE, BLOCK or RBD", second);

	return NULL;
}

const char *domain_disk_kind(DomainBuild *b, const TmplAttr *disk)
{
	const char *type = tmpl_attr_text(disk, "TYPE");
	const char *second = tmpl_attr_text(disk, "DISK_TYPE");
	const char *kind;

	if (is_volatile(disk))
		return volatile_kind(b, disk, domain_or(second, ""));

	kind = find_kind(domain_or(type, ""));
	if (!kind) {
		domain_problem(b, disk, "TYPE = '%s': no kind of disk that is known", type);
		return NULL;
	}

	/* Images in Ceph may have the TYPE of a file; their datastore's DISK_TYPE is right. */
	if (g_strcmp0(second, "RBD"))
		return kind;
	if (!strcmp(kind, "FILE"))
		return "RBD";
	if (!strcmp(kind, "CDROM"))
		return "RBD_CDROM";

	return kind;
}

void domain_disk_source(DomainBuild *b, xmlNode *node, const TmplAttr *disk, const char *kind)
{
	bool block_cd = !strcmp(kind, "CDROM") &&
			!g_strcmp0(tmpl_attr_text(disk, "DISK_TYPE"), "BLOCK");

	if (block_cd)
		kind = "BLOCK_CDROM";
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (!strcmp(kinds[i].kind, kind)) {
			domain_set(b, node, "type", kinds[i].type);
			kinds[i].make(b, domain_element(node, "source"), disk);
		}
}
