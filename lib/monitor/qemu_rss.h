/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu_rss.h - the memory that QEMU processes of this host use, from /proc: libvirt
 * would have to ask each QEMU.
 *
 * Source: docs/facts/monitoring.md 4, MEMORY.
 */
#ifndef MONITOR_QEMU_RSS_H
#define MONITOR_QEMU_RSS_H

#include <glib.h>

/* KiB that the process of UUID has in memory and in swap; 0 when it is not in PIDS
 * (qemu_process_pids()). */
guint64 qemu_rss_kib(GHashTable *pids, const char *uuid);

#endif
