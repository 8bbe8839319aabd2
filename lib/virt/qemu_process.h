/* SPDX-License-Identifier: Apache-2.0 */
/* qemu_process.h - the QEMU processes of this host: their ids and ages, from /proc. */
#ifndef VIRT_QEMU_PROCESS_H
#define VIRT_QEMU_PROCESS_H

#include <glib.h>
#include <stdbool.h>

/* QEMU processes, remembered from one look to the next. One thread. */
typedef struct qemu_processes QemuProcesses;

QemuProcesses *qemu_processes_new(void);
void qemu_processes_free(QemuProcesses *processes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuProcesses, qemu_processes_free)

/* A new look begins: processes that are not known are searched for at most once in it. */
void qemu_processes_look(QemuProcesses *processes);

struct qemu_usage {
	guint64 cpu_ns;		/* user's and system's time, of the process alone */
	guint64 memory_kib;	/* resident and swapped */
};

/*
 * What the QEMU of UUID uses. False: there is none here, or it ended. Source: proc(5),
 * /proc/PID/stat, utime, stime, starttime; /proc/PID/status.
 */
bool qemu_processes_usage(QemuProcesses *processes, const char *uuid, struct qemu_usage *ret);

/*
 * Seconds since the QEMU process of UUID was started, -1 when there is none here. A guest that
 * was restored or moved here is as old as its QEMU. Source: proc(5), stat, starttime.
 */
gint64 qemu_process_age_s(const char *uuid);

/*
 * How far the QEMU of UUID has read FILE, in bytes. False: no QEMU of ours has it open. Source:
 * proc(5), /proc/PID/fdinfo, pos.
 */
bool qemu_process_has_read(const char *uuid, const char *file, guint64 *ret);

#endif
