/* SPDX-License-Identifier: Apache-2.0 */
#include "host/vgpu_device.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/program.h"
#include "base/text.h"
#include "template/attr.h"
#include "xml/xml.h"

enum { MAX_BYTES = 16 << 20, MAX_LIST = 65536 };

static const char monitor_pid[] = "/var/tmp/one_db/.monitor_client.pid";

struct vgpu {
	char *uuid, *address, *profile;
	bool legacy;		/* by mediated devices, else by NVIDIA's own files */
	bool made;		/* by us, just now */
};

static void vgpu_free(void *data)
{
	struct vgpu *v = data;

	g_free(v->uuid);
	g_free(v->address);
	g_free(v->profile);
	g_free(v);
}

static bool is_made_of(const char *text, const char *more)
{
	for (; *text; text++)
		if (!g_ascii_isalnum(*text) && !strchr(more, *text))
			return false;
	return true;
}

/* Four fields of hexadecimal digits, as the kernel writes them: "0000:3b:00.4". */
static char *address_of(const TmplAttr *pci, GError **error)
{
	static const char *const keys[] = { "DOMAIN", "BUS", "SLOT", "FUNCTION" };
	static const guint64 max[] = { 0xffff, 0xff, 0x1f, 7 };
	guint64 n[4];

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		const char *text = tmpl_attr_text(pci, keys[i]);
		char *end = NULL;

		if (text)
			n[i] = g_ascii_strtoull(text, &end, 16);
		else
			n[i] = 0;
		if (!text || !g_ascii_isxdigit(*text) || *end || n[i] > max[i]) {
			vmm_fail(error, VMM_ERROR_INPUT,
				 "PCI: %s: '%s' is not a part of an address", keys[i],
				 text_or(text, ""));
			return NULL;
		}
	}

	return g_strdup_printf("%04x:%02x:%02x.%x", (unsigned)n[0], (unsigned)n[1],
			       (unsigned)n[2], (unsigned)n[3]);
}

static struct vgpu *vgpu_of(const TmplAttr *pci, GError **error)
{
	const char *uuid = tmpl_attr_text(pci, "UUID"), *mode = tmpl_attr_text(pci, "MDEV_MODE");
	const char *profile = tmpl_attr_text(pci, "PROFILE");
	g_auto(GStrv) words = g_strsplit(text_or(profile, ""), " ", 2);
	g_autofree char *address = address_of(pci, error);
	struct vgpu *v;

	if (!address)
		return NULL;
	if (!g_uuid_string_is_valid(uuid)) {
		vmm_fail(error, VMM_ERROR_INPUT, "PCI %s: '%s' is not a UUID", address, uuid);
		return NULL;
	}

	if (*words && !is_made_of(*words, "_-")) {
		vmm_fail(error, VMM_ERROR_INPUT, "PCI %s: '%s' is not a profile", address, *words);
		return NULL;
	}

	v = g_new0(struct vgpu, 1);
	v->uuid = g_ascii_strdown(uuid, -1);
	v->address = g_steal_pointer(&address);
	if (*words && **words)
		v->profile = g_strdup(*words);
	else
		v->profile = NULL;
	v->legacy = !mode || !g_ascii_strcasecmp(mode, "legacy");

	return v;
}

/* All vGPUs of the VM in PATH. */
static GPtrArray *vgpus_of(const char *path, GError **error)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(vgpu_free);
	GString *text = file_read(path, MAX_BYTES, error);
	g_autoptr(xmlDoc) doc = text ? xml_parse(text->str, text->len, path, error) : NULL;
	g_autoptr(TmplSet) set = NULL;
	const TmplAttr *pci = NULL;

	if (text)
		g_string_free(text, TRUE);
	if (!doc)
		return NULL;
	set = tmpl_set_from_xml(xml_child(xmlDocGetRootElement(doc), "TEMPLATE"), path);
	while ((pci = tmpl_set_next(set, "PCI", pci))) {
		struct vgpu *v = tmpl_attr_text(pci, "UUID") ? vgpu_of(pci, error) : NULL;

		if (v)
			g_ptr_array_add(all, v);
		else if (tmpl_attr_text(pci, "UUID"))
			return NULL;
	}

	return g_steal_pointer(&all);
}

/* A kernel's file takes one write whole or not. */
static bool put(const char *path, const char *text, GError **error)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int cause = errno;

	if (fd >= 0)
		close(fd);

	if (n == (ssize_t)strlen(text))
		return true;

	return vmm_fail_errno(error, cause, "cannot write %s to %s", text, path);
}

static bool check_device(const char *directory, const struct vgpu *v, GError **error)
{
	if (access(directory, F_OK) == 0)
		return true;

	return vmm_fail(error, VMM_ERROR_NOT_FOUND, "PCI device %s has no vGPUs: there is no %s",
			v->address, directory);
}

/* The first name in DIRECTORY, in order; NULL. */
static char *first_of(const char *directory)
{
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	char *first = NULL;
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		if (!first || strcmp(name, first) < 0) {
			g_free(first);
			first = g_strdup(name);
		}

	return first;
}

static bool create_legacy(struct vgpu *v, GError **error)
{
	g_autofree char *device = g_build_filename("/sys/class/mdev_bus", v->address, NULL);
	g_autofree char *types = g_build_filename(device, "mdev_supported_types", NULL);
	g_autofree char *there = g_build_filename("/sys/bus/mdev/devices", v->uuid, NULL);
	g_autofree char *profile = v->profile ? g_strdup(v->profile) : first_of(types);
	g_autofree char *file = NULL;

	if (!check_device(device, v, error))
		return false;
	if (access(there, F_OK) == 0)
		return true;
	if (!profile)
		return vmm_fail(error, VMM_ERROR_NO_RESOURCE, "PCI device %s has no type of vGPU",
				v->address);
	file = g_build_filename(types, profile, "create", NULL);
	v->made = put(file, v->uuid, error);

	return v->made;
}

/* The id that is wanted of those in the driver's list "ID : NAME", whose first line is a title. */
static char *creatable(const char *directory, const struct vgpu *v, GError **error)
{
	g_autofree char *path = g_build_filename(directory, "creatable_vgpu_types", NULL);
	GString *text = file_read(path, MAX_LIST, error);
	g_auto(GStrv) lines = text ? g_strsplit(text->str, "\n", -1) : NULL;
	char *found = NULL;

	if (!text)
		return NULL;
	g_string_free(text, TRUE);
	for (guint i = 1; *lines && lines[i] && !found; i++) {
		char *id = g_strstrip(lines[i]);

		id[strcspn(id, " \t:")] = '\0';
		if (*id && is_made_of(id, "_-") && (!v->profile || g_str_equal(id, v->profile)))
			found = g_strdup(id);
	}

	if (!found)
		vmm_fail(error, VMM_ERROR_NO_RESOURCE, "PCI device %s has no vGPU of type %s left",
			 v->address, text_or(v->profile, "any"));

	return found;
}

static bool create_nvidia(struct vgpu *v, GError **error)
{
	g_autofree char *device = g_build_filename("/sys/bus/pci/devices", v->address, NULL);
	g_autofree char *nvidia = g_build_filename(device, "nvidia", NULL);
	g_autofree char *current = g_build_filename(nvidia, "current_vgpu_type", NULL);
	g_autofree char *now = NULL, *id = NULL;

	if (!check_device(nvidia, v, error))
		return false;
	if (v->profile && g_file_get_contents(current, &now, NULL, NULL) &&
	    g_str_equal(g_strchomp(now), v->profile))
		return true;
	id = creatable(nvidia, v, error);

	if (!id)
		return false;

	v->made = put(current, id, error);

	return v->made;
}

static bool remove_one(const struct vgpu *v, GError **error)
{
	g_autofree char *file =
		v->legacy ? g_build_filename("/sys/bus/mdev/devices", v->uuid, "remove", NULL) :
			    g_build_filename("/sys/bus/pci/devices", v->address, "nvidia",
					     "current_vgpu_type", NULL);

	if (v->legacy && access(file, F_OK) < 0)
		return true;

	return put(file, v->legacy ? "1" : "0", error);
}

/* Whether PID is an agent of OWNER, ours or one in an interpreter. */
static bool is_monitor(pid_t pid, uid_t owner)
{
	g_autofree char *name = g_strdup_printf("%d", (int)pid);
	g_autofree char *proc = g_build_filename("/proc", name, NULL);
	g_auto(GStrv) words = program_words(name);
	struct stat process;

	if (stat(proc, &process) < 0 || process.st_uid != owner)
		return false;
	for (size_t i = 0; i < 2 && words[i]; i++)
		if (strstr(words[i], "monitord-client"))
			return true;

	return false;
}

/* Makes the monitoring look again. */
static void notify_monitor(void)
{
	g_autofree char *text = NULL;
	struct stat file;
	gint64 pid;

	if (lstat(monitor_pid, &file) < 0)
		return;
	if (!S_ISREG(file.st_mode))
		return;
	if (!g_file_get_contents(monitor_pid, &text, NULL, NULL))
		return;
	pid = g_ascii_strtoll(text, NULL, 10);
	if (pid > 1 && pid <= G_MAXINT && is_monitor((pid_t)pid, file.st_uid))
		kill((pid_t)pid, SIGUSR1);
}

/* What was there before may be in use. */
static void undo_create(const GPtrArray *all)
{
	for (guint i = all->len; i--;) {
		const struct vgpu *v = all->pdata[i];

		if (v->made)
			remove_one(v, NULL);
	}
}

bool vgpu_device_create(const char *path, GError **error)
{
	g_autoptr(GPtrArray) all = vgpus_of(path, error);
	guint done = 0;
	bool made;

	if (!all)
		return false;
	while (done < all->len) {
		struct vgpu *v = all->pdata[done];

		if (!(v->legacy ? create_legacy(v, error) : create_nvidia(v, error)))
			break;
		done++;
	}

	made = done == all->len;
	if (!made)
		undo_create(all);

	notify_monitor();

	return made;
}

bool vgpu_device_delete(const char *path, void (*warn)(const char *text), GError **error)
{
	g_autoptr(GPtrArray) all = vgpus_of(path, error);

	for (guint i = 0; all && i < all->len; i++) {
		g_autoptr(GError) cause = NULL;

		if (!remove_one(all->pdata[i], &cause))
			warn(cause->message);
	}

	if (all)
		notify_monitor();

	return all != NULL;
}
