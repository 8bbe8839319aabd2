/* SPDX-License-Identifier: Apache-2.0 */
/* qemu_process.h - the QEMU processes of this host: their ids and ages, from /proc. */
#ifndef VIRT_QEMU_PROCESS_H
#define VIRT_QEMU_PROCESS_H

#include <glib.h>

/* Process ids (GUINT) by the UUID that follows "-uuid" in their command lines. */
GHashTable *qemu_process_pids(void);

/*
 * Seconds since the QEMU process of UUID was started, -1 when there is none here. A guest that
 * was restored or moved here is as old as its QEMU. Source: proc(5), stat, starttime.
 */
gint64 qemu_process_age_s(const char *uuid);

#endif
