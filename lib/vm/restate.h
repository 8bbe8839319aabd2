/*
 * restate.h - what a domain that starts again must be told anew: where its disks
 * are by now, and the snapshots that its images hold.
 *
 * Source: actions.md 1, steps 2 and 9; deployment.md 3.5.
 */
#ifndef VM_RESTATE_H
#define VM_RESTATE_H

#include <libvirt/libvirt.h>
#include <libxml/tree.h>

#include "base/error.h"

/*
 * Replaces, in file-backed disks of DOMAIN, a source ".../disk.N" that is a
 * symbolic link by what the link says, if that is there: QEMU shall not follow
 * a link that another action may change.
 */
void restate_links(xmlNode *domain);

/* The same for one <disk>. */
void restate_link(xmlNode *disk);

/*
 * Makes what lies in the VM's directory, in all of DOMAIN, lie where file CHECKPOINT does: a VM
 * that was saved may have moved to another datastore. VM_ID NULL: as CHECKPOINT's directory
 * is called. Returns whether anything was changed.
 */
bool restate_paths(xmlNode *domain, const char *checkpoint, const char *vm_id);

/*
 * Registers the snapshots kept in DIRECTORY/snap-*.xml for DOM, parents first,
 * and rewrites the files with DOM's UUID. What fails is told to LOG; the first of that is ERROR.
 */
bool restate_snapshots(virDomain *dom, const char *directory,
		       void (*log)(const char *level, const char *format, ...), GError **error);

#endif
