/* qemu_process.h - how long a domain of this host has been running. */
#ifndef VIRT_QEMU_PROCESS_H
#define VIRT_QEMU_PROCESS_H

#include <glib.h>

/*
 * Seconds since the QEMU process of UUID was started, -1 when there is none here. A guest that
 * was restored or moved here is as old as its QEMU. Source: proc(5), stat, starttime.
 */
gint64 virt_age_s(const char *uuid);

#endif
