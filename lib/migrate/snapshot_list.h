/*
 * snapshot_list.h - what libvirt knows of a domain's snapshots, taken away from it for
 * a while: it refuses to move a domain that has some.
 *
 * Source: actions.md 7; pitfalls.md P-25; libvirt-facts.md G.
 */
#ifndef MIGRATE_SNAPSHOT_LIST_H
#define MIGRATE_SNAPSHOT_LIST_H

#include <libvirt/libvirt.h>

#include "base/error.h"

typedef struct virt_snapset VirtSnapset;

/* Reads the snapshots of DOM, parents first. May be empty. */
VirtSnapset *virt_snapset_read(virDomain *dom, GError **error);

/* How many there are. */
guint virt_snapset_size(const VirtSnapset *set);

/* The name, and the XML with its secrets, of the I-th. Borrowed. */
const char *virt_snapset_name(const VirtSnapset *set, guint i);
const char *virt_snapset_xml(const VirtSnapset *set, guint i);

/* Makes libvirt forget those of SET; the images keep them. On failure all are put back. */
bool virt_snapset_forget(const VirtSnapset *set, virDomain *dom, GError **error);

/* Makes libvirt know them again, of DOM on any host; those it knows stay. */
bool virt_snapset_register(const VirtSnapset *set, virDomain *dom, GError **error);

void virt_snapset_free(VirtSnapset *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirtSnapset, virt_snapset_free)

#endif
