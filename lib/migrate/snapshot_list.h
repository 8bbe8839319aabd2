/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_list.h - takes a domain's snapshots out of libvirt's list while the domain is migrated,
 * as libvirt refuses to migrate one that has snapshots.
 *
 * Source: docs/facts/actions.md 7; pitfalls.md P-25; libvirt.md G.
 */
#ifndef MIGRATE_SNAPSHOT_LIST_H
#define MIGRATE_SNAPSHOT_LIST_H

#include <libvirt/libvirt.h>

#include "base/error.h"

typedef struct snapshot_list SnapshotList;

/* Reads the snapshots of DOM, parents first. May be empty. */
SnapshotList *snapshot_list_read(virDomain *dom, GError **error);

/* How many there are. */
guint snapshot_list_size(const SnapshotList *set);

/* The name, and the XML with its secrets, of the I-th. Borrowed. */
const char *snapshot_list_name(const SnapshotList *set, guint i);
const char *snapshot_list_xml(const SnapshotList *set, guint i);

/* Removes them from libvirt's list; the images keep them. On failure all are registered again. */
bool snapshot_list_forget(const SnapshotList *set, virDomain *dom, GError **error);

/* Registers them for DOM, on any host; those that libvirt knows are left as they are. */
bool snapshot_list_register(const SnapshotList *set, virDomain *dom, GError **error);

void snapshot_list_free(SnapshotList *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapshotList, snapshot_list_free)

#endif
