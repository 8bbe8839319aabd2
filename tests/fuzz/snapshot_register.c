/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_register - files snap-*.xml of a VM's directory, which others may write: each one
 * is registered once, as this domain's, and names no file or program of the host but those that
 * this domain itself may use.
 */
#include "vm/snapshot_redefine.c"

#include <libxml/xpath.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { MAX_FILES = 4 };

#define OWN_UUID "00000000-0000-4000-8000-000000000007"
#define SEPARATOR "\n---\n"

/* Where the directories of the VM are: PLACE/datastores/100/7. */
static char *place, *directory;
static guint registered, faults;

static const char live[] =
	"<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' type='kvm'>"
	"<name>one-7</name><uuid>" OWN_UUID "</uuid><os><type>hvm</type>"
	"<loader>/usr/share/OVMF/CODE.fd</loader></os><devices>"
	"<emulator>/usr/bin/qemu-system-x86_64</emulator>"
	"<disk type='block'><source dev='/dev/vg/lv-7'/><target dev='vdb'/></disk></devices>"
	"<qemu:commandline><qemu:arg value='-snapshot'/></qemu:commandline></domain>";

/* What a snapshot may make QEMU run, and which files it may make libvirt open, write or remove. */
#define S "/domainsnapshot/"
static const char *const programs[] = {
	S "domain[1]/devices/emulator", S "inactiveDomain[1]/devices/emulator",
	S "domain[1]/devices/interface/script/@path",
	S "domain[1]/devices/filesystem/binary/@path",
};
static const char *const files[] = {
	S "memory/@file", S "disks/disk/source/@file", S "disks/disk/source/@dev",
	S "domain[1]/devices/disk/source/@file", S "domain[1]/devices/disk/source/@dev",
	S "domain[1]/devices/disk//backingStore/source/@file",
	S "inactiveDomain[1]/devices/disk/source/@file", S "domain[1]/os/kernel",
};

const char *virDomainGetName(virDomain *dom G_GNUC_UNUSED)
{
	return "one-7";
}

int virDomainGetUUIDString(virDomain *dom G_GNUC_UNUSED, char *buf)
{
	g_strlcpy(buf, OWN_UUID, VIR_UUID_STRING_BUFLEN);
	return 0;
}

char *virDomainGetXMLDesc(virDomain *dom G_GNUC_UNUSED, unsigned flags G_GNUC_UNUSED)
{
	return strdup(live);
}

static void each(xmlDoc *doc, const char *path, void (*check)(const char *value))
{
	xmlXPathContext *context = xmlXPathNewContext(doc);
	xmlXPathObject *found = xmlXPathEvalExpression(BAD_CAST path, context);

	for (int i = 0; found->nodesetval && i < found->nodesetval->nodeNr; i++) {
		xmlNode *node = found->nodesetval->nodeTab[i];
		g_autoptr(xmlChar) value = xmlNodeGetContent(node);
		bool is_metadata = false;

		for (xmlNode *n = node; n; n = n->parent)
			is_metadata |= xmlStrEqual(n->name, BAD_CAST "metadata");
		if (!is_metadata)
			check(g_strstrip((char *)value));
	}
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);
}

static void check_program(const char *value)
{
	g_assert_cmpstr(value, ==, "/usr/bin/qemu-system-x86_64");
}

static void check_file(const char *value)
{
	g_autofree char *plain = g_canonicalize_filename(value, "/");
	g_autofree char *stores = g_strconcat(place, "/datastores/", NULL);

	if (!g_str_equal(value, "/dev/vg/lv-7") && !g_str_has_prefix(plain, "/dev/pts/"))
		g_assert(*value == '/' && g_str_has_prefix(plain, stores));
}

static void check_uuid(const char *value)
{
	g_assert_cmpstr(value, ==, OWN_UUID);
}

/* libvirt knows none: a parent without a file is lost. */
virDomainSnapshot *virDomainSnapshotLookupByName(virDomain *dom G_GNUC_UNUSED,
						 const char *name G_GNUC_UNUSED,
						 unsigned flags G_GNUC_UNUSED)
{
	return NULL;
}

int virGetLastErrorCode(void)
{
	return VIR_ERR_NO_DOMAIN_SNAPSHOT;
}

virDomainSnapshot *virDomainSnapshotCreateXML(virDomain *dom G_GNUC_UNUSED, const char *text,
					      unsigned flags)
{
	g_autoptr(xmlDoc) doc = xml_parse(text, strlen(text), "registered", NULL);

	g_assert(doc && flags == VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE);
	for (size_t i = 0; i < G_N_ELEMENTS(programs); i++)
		each(doc, programs[i], check_program);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		each(doc, files[i], check_file);
	each(doc, S "domain[1]/uuid[1]", check_uuid);
	registered++;
	return NULL;	/* libvirt refuses it: the next one is tried */
}

static void count(const char *level G_GNUC_UNUSED, const char *format G_GNUC_UNUSED, ...)
{
	faults++;
}

static void remove_place(void)
{
	const char *const below[] = { "datastores/100/7", "datastores/100", "datastores", "" };

	for (int i = 0; i < MAX_FILES; i++) {
		g_autofree char *file = g_strdup_printf("%s/snap-%d.xml", directory, i);

		unlink(file);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(below); i++) {
		g_autofree char *path = g_build_filename(place, below[i], NULL);

		rmdir(path);
	}
}

static void make_place(void)
{
	place = g_dir_make_tmp("snapshot-XXXXXX", NULL);
	directory = g_strconcat(place, "/datastores/100/7", NULL);
	g_assert(g_mkdir_with_parents(directory, 0700) == 0);
	atexit(remove_place);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_auto(GStrv) parts = g_strsplit(text, SEPARATOR, MAX_FILES);
	g_autoptr(GError) error = NULL;
	guint n = g_strv_length(parts);

	if (!place)
		make_place();
	for (guint i = 0; i < MAX_FILES; i++) {
		g_autofree char *file = g_strdup_printf("%s/snap-%u.xml", directory, i);

		if (i >= n)
			unlink(file);
		else
			g_assert(g_file_set_contents_full(file, parts[i], -1,
							  G_FILE_SET_CONTENTS_NONE, 0600, NULL));
	}
	registered = faults = 0;
	g_assert(snapshot_redefine_all(NULL, directory, count, &error) == !error);
	/* libvirt here takes none: each is a fault, whether it was asked or not. */
	g_assert(faults == n && registered <= n);
	return 0;
}
