/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/last_writer.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "virt/agent.h"
#include "virt/domain_xml.h"
#include "xml/xml.h"

enum {
	ASK_US = 200000, TRIES = 5,	/* a slow answer is too old */
	FLUSH_US = 50000,		/* QEMU writes its caches after the guest's last I/O */
};

/* Of a guest that never did any. */
#define NO_IO G_MAXINT64

/* When the guest did its last I/O: IDLE_US, or NO_IO, before g_get_monotonic_time() was AT_US. */
struct last_io {
	gint64 idle_us, at_us;
};

static bool read_idle(json_object *device, gint64 *ret_us)
{
	json_object *stats, *idle;

	if (!json_object_is_type(device, json_type_object))
		return false;
	if (!json_object_object_get_ex(device, "stats", &stats))
		return false;
	if (!json_object_is_type(stats, json_type_object))
		return false;
	if (!json_object_object_get_ex(stats, "idle_time_ns", &idle))
		return false;
	*ret_us = json_object_get_int64(idle) / 1000;

	return *ret_us >= 0;
}

/* The shortest in QEMU's ANSWER, of the device that was used last; or NO_IO. False: no answer. */
static bool shortest_idle(const char *answer, gint64 *ret_us)
{
	json_object *all = answer ? json_tokener_parse(answer) : NULL, *list = NULL;
	gint64 idle_us;
	bool is_list;

	*ret_us = NO_IO;
	if (json_object_is_type(all, json_type_object))
		json_object_object_get_ex(all, "return", &list);
	is_list = json_object_is_type(list, json_type_array);
	for (size_t i = 0; is_list && i < json_object_array_length(list); i++)
		if (read_idle(json_object_array_get_idx(list, i), &idle_us))
			*ret_us = MIN(*ret_us, idle_us);
	json_object_put(all);

	return is_list;
}

static bool ask_qemu(virDomain *dom, struct last_io *ret)
{
	for (int i = 0; i < TRIES; i++) {
		gint64 begin_us = g_get_monotonic_time();
		g_autofree char *answer = virt_monitor(dom, "{\"execute\":\"query-blockstats\"}");

		ret->at_us = g_get_monotonic_time();
		if (!shortest_idle(answer, &ret->idle_us))
			return false;
		if (ret->at_us - begin_us < ASK_US)
			return true;
	}

	return false;
}

/* What the clock of the file system of FILE shows when RET_AT_US is g_get_monotonic_time(). */
static bool read_clock(const char *file, gint64 *ret_us, gint64 *ret_at_us)
{
	g_autofree char *dir = g_path_get_dirname(file);
	g_autofree char *probe = g_build_filename(dir, ".vmmexec-clock-XXXXXX", NULL);
	int fd = g_mkstemp_full(probe, O_RDWR | O_CLOEXEC, 0600);
	struct stat st;
	bool ok;

	*ret_at_us = g_get_monotonic_time();
	if (fd < 0)
		return false;
	unlink(probe);
	ok = fstat(fd, &st) == 0;
	close(fd);
	*ret_us = (gint64)st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;

	return ok;
}

/* Whether FILE, without links in its path, was not written to after IO. */
static bool is_older(const char *file, const struct last_io *io, bool *ret)
{
	gint64 now_us, at_us, last_us, written_us;
	struct stat st;

	if (stat(file, &st) < 0)
		return false;
	if (!S_ISREG(st.st_mode))
		return false;
	if (!read_clock(file, &now_us, &at_us))
		return false;

	last_us = now_us - (at_us - io->at_us) - io->idle_us;
	written_us = (gint64)st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
	*ret = written_us <= last_us + FLUSH_US;

	return true;
}

/* Includes disks that others may write to: whether they or this VM did so is not known. */
static bool is_written(const xmlNode *disk)
{
	g_autofree char *device = xml_attribute(disk, "device");

	if (xml_child(disk, "readonly"))
		return false;

	return !device || g_str_equal(device, "disk") || g_str_equal(device, "lun");
}

static bool check_disk(const xmlNode *disk, const struct last_io *io, GError **error)
{
	g_autofree char *target = xml_child_attribute(disk, "target", "dev");
	g_autofree char *path = virt_disk_path(disk);
	char *file = path ? realpath(path, NULL) : NULL;
	bool older = false;
	bool known = io && file && is_older(file, io, &older);

	free(file);
	if (!known)
		return vmm_fail(error, VMM_ERROR_REFUSED, "it is unknown whether disk %s (%s) was "
				"written to since", target, path ? path : "not a file");
	if (older)
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "disk %s (%s) was written to since", target,
			path);
}

bool last_writer_check(virDomain *dom, GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, error);
	const xmlNode *devices;
	struct last_io io;
	bool has_io;

	if (!doc)
		return false;

	has_io = ask_qemu(dom, &io) && io.idle_us != NO_IO;
	devices = xml_child(xmlDocGetRootElement(doc), "devices");
	for (xmlNode *n = xml_child(devices, "disk"); n; n = xml_next(n)) {
		if (!is_written(n))
			continue;
		if (!check_disk(n, has_io ? &io : NULL, error))
			return false;
	}

	return true;
}

bool last_writer_ran_since(virDomain *dom, const char *file, bool *ret, GError **error)
{
	struct last_io io;

	if (!ask_qemu(dom, &io))
		return vmm_fail(error, VMM_ERROR_REFUSED, "it is unknown whether the guest of "
				"domain %s has run: its QEMU does not answer",
				virDomainGetName(dom));
	*ret = false;
	if (io.idle_us == NO_IO)
		return true;
	if (is_older(file, &io, ret))
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "it is unknown whether the guest of domain %s "
			"has run since %s was made", virDomainGetName(dom), file);
}
