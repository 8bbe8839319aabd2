/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/qemu_process.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS G_GUINT64_CONSTANT(1000000000)

/* The argument after "-uuid" among LEN bytes of NUL-ended ones; NULL. */
static const char *uuid_of(const char *args, size_t len)
{
	const char *end = args + len;

	for (const char *p = args; p < end; p += strlen(p) + 1)
		if (!strcmp(p, "-uuid") && p + strlen(p) + 1 < end)
			return p + strlen(p) + 1;
	return NULL;
}

/* Process ids (GUINT) by the UUID that follows "-uuid" in their command lines. */
static GHashTable *qemu_process_pids(void)
{
	GHashTable *pids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	const char *name;

	while (proc && (name = g_dir_read_name(proc))) {
		g_autofree char *path = g_build_filename("/proc", name, "cmdline", NULL);
		g_autofree char *args = NULL;
		const char *uuid;
		gsize len;

		if (!g_ascii_isdigit(*name))
			continue;
		if (!g_file_get_contents(path, &args, &len, NULL))
			continue;
		uuid = uuid_of(args, len);
		if (uuid)
			g_hash_table_insert(pids, g_strdup(uuid),
					    GUINT_TO_POINTER(g_ascii_strtoull(name, NULL, 10)));
	}

	return pids;
}

enum { FIELD_STATE = 3, FIELD_UTIME = 14, FIELD_STIME = 15, FIELD_START = 22 };

/* Numbers of /proc/PID/stat, in clock ticks. */
struct process_times {
	guint64 user, system, start;
};

static bool times_of(guint pid, struct process_times *ret)
{
	g_autofree char *path = g_strdup_printf("/proc/%u/stat", pid);
	g_autofree char *text = NULL;
	const char *at;

	if (!pid || !g_file_get_contents(path, &text, NULL, NULL))
		return false;

	at = strrchr(text, ')');	/* a program's name may hold anything */
	for (int field = FIELD_STATE; at && field <= FIELD_START; field++) {
		guint64 number;

		at = strchr(at + 1, ' ');
		number = at ? g_ascii_strtoull(at + 1, NULL, 10) : 0;
		if (field == FIELD_UTIME)
			ret->user = number;
		else if (field == FIELD_STIME)
			ret->system = number;
		else if (field == FIELD_START)
			ret->start = number;
	}

	return at != NULL;
}

gint64 qemu_process_age_s(const char *uuid)
{
	g_autoptr(GHashTable) pids = qemu_process_pids();
	guint pid = GPOINTER_TO_UINT(g_hash_table_lookup(pids, uuid));
	struct process_times times = { 0 };
	struct timespec now;

	if (!times_of(pid, &times) || clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		return -1;

	return now.tv_sec - (gint64)times.start / sysconf(_SC_CLK_TCK);
}

struct qemu_processes {
	GHashTable *known;	/* struct process by UUID */
	bool searched;		/* in this look */
};

/* A process id is that process's only together with its start. */
struct process {
	guint pid;
	guint64 start;
};

QemuProcesses *qemu_processes_new(void)
{
	QemuProcesses *p = g_new0(QemuProcesses, 1);

	p->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	return p;
}

void qemu_processes_free(QemuProcesses *p)
{
	if (!p)
		return;

	g_hash_table_unref(p->known);
	g_free(p);
}

void qemu_processes_look(QemuProcesses *p)
{
	p->searched = false;
}

static void search(QemuProcesses *p)
{
	g_autoptr(GHashTable) pids = qemu_process_pids();
	GHashTableIter iter;
	gpointer uuid, pid;

	p->searched = true;
	g_hash_table_remove_all(p->known);
	g_hash_table_iter_init(&iter, pids);
	while (g_hash_table_iter_next(&iter, &uuid, &pid)) {
		struct process_times times = { 0 };
		struct process *process;

		if (!times_of(GPOINTER_TO_UINT(pid), &times))
			continue;
		process = g_new(struct process, 1);
		*process = (struct process){ GPOINTER_TO_UINT(pid), times.start };
		g_hash_table_insert(p->known, g_strdup(uuid), process);
	}
}

static bool known_times(const QemuProcesses *p, const char *uuid, struct process_times *ret,
			guint *ret_pid)
{
	const struct process *known = g_hash_table_lookup(p->known, uuid);

	if (!known || !times_of(known->pid, ret) || ret->start != known->start)
		return false;
	*ret_pid = known->pid;

	return true;
}

static guint64 kib_in(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? g_ascii_strtoull(at + strlen(name), NULL, 10) : 0;
}

bool qemu_processes_usage(QemuProcesses *p, const char *uuid, struct qemu_usage *ret)
{
	struct process_times times = { 0 };
	g_autofree char *path = NULL, *status = NULL;
	guint pid = 0;

	if (!known_times(p, uuid, &times, &pid)) {
		if (p->searched)
			return false;
		search(p);
		if (!known_times(p, uuid, &times, &pid))
			return false;
	}

	ret->cpu_ns = (times.user + times.system) *
		      (NANOSECONDS / (guint64)sysconf(_SC_CLK_TCK));
	path = g_strdup_printf("/proc/%u/status", pid);
	ret->memory_kib = 0;
	if (g_file_get_contents(path, &status, NULL, NULL))
		ret->memory_kib = kib_in(status, "\nVmRSS:") + kib_in(status, "\nVmSwap:");

	return true;
}

/* The position of descriptor NAME of process PID, if it is the file of ST. */
static bool position_in(guint pid, const char *name, const struct stat *st, guint64 *ret)
{
	g_autofree char *path = g_strdup_printf("/proc/%u/fd/%s", pid, name);
	g_autofree char *info = g_strdup_printf("/proc/%u/fdinfo/%s", pid, name);
	g_autofree char *text = NULL;
	struct stat of;

	if (stat(path, &of) != 0)
		return false;
	if (of.st_dev != st->st_dev || of.st_ino != st->st_ino)
		return false;
	if (!g_file_get_contents(info, &text, NULL, NULL) || !g_str_has_prefix(text, "pos:"))
		return false;
	*ret = g_ascii_strtoull(text + strlen("pos:"), NULL, 10);

	return true;
}

bool qemu_process_has_read(const char *uuid, const char *file, guint64 *ret)
{
	g_autoptr(GHashTable) pids = qemu_process_pids();
	guint pid = GPOINTER_TO_UINT(g_hash_table_lookup(pids, uuid));
	g_autofree char *path = g_strdup_printf("/proc/%u/fd", pid);
	g_autoptr(GDir) dir = pid ? g_dir_open(path, 0, NULL) : NULL;
	const char *name;
	struct stat st;

	if (!dir || stat(file, &st) != 0)
		return false;
	while ((name = g_dir_read_name(dir)))
		if (position_in(pid, name, &st, ret))
			return true;
	return false;
}
