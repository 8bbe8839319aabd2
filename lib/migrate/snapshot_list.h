/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_list.h - what libvirt knows of a domain's snapshots, taken away from it for
 * a while: it refuses to move a domain that has some.
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

/* Makes libvirt forget those of SET; the images keep them. On failure all are put back. */
bool snapshot_list_forget(const SnapshotList *set, virDomain *dom, GError **error);

/* Makes libvirt know them again, of DOM on any host; those it knows stay. */
bool snapshot_list_register(const SnapshotList *set, virDomain *dom, GError **error);

void snapshot_list_free(SnapshotList *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapshotList, snapshot_list_free)

#endif
