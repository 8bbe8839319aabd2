/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.h - system snapshots. Their data are in the images of the VM's disks; their definitions
 * in libvirt's list and, while the VM does not run, in files beside the disks: "snap-ID.xml" of
 * snapshot snap-ID. Snapshots of other names, which others made, have no file.
 *
 * Source: docs/facts/actions.md 16 to 18; libvirt.md H.
 */
#ifndef VM_SNAPSHOT_H
#define VM_SNAPSHOT_H

#include <libxml/tree.h>

#include "action/action.h"

/* The VM's directory, as virt_vm_directory(); NULL with VMM_ERROR_NOT_FOUND. */
char *snapshot_directory(const struct action_ctx *ctx, virDomain *dom, GError **error);

/*
 * Snapshot NAME of DOM; one that libvirt does not know is registered first from its file in
 * DIRECTORY (or NULL). The caller frees. VMM_ERROR_NOT_FOUND: neither of them has it.
 */
virDomainSnapshot *snapshot_find(virDomain *dom, const char *directory, const char *name,
				 GError **error);

/* The definition of S, with the domain of then in it. NULL with ERROR set. The caller frees. */
xmlDoc *snapshot_xml(virDomainSnapshot *s, GError **error);

/* Writes the file of S in DIRECTORY, 0600: what snapshot_find() registers again. */
bool snapshot_keep(virDomainSnapshot *s, const char *directory, GError **error);

/* Whether DIRECTORY has the file of snapshot NAME. RET_FILE, if not NULL: its path, to be freed. */
bool snapshot_is_kept(const char *directory, const char *name, char **ret_file);

/* Removes the file of snapshot NAME, and rewrites those of the others, whose parents change. */
bool snapshot_forget(virDomain *dom, const char *directory, const char *name, GError **error);

/*
 * Checks that all images that S needs exist and hold it: libvirt would stop the VM first, find one
 * missing, and could not start the VM again. VMM_ERROR_REFUSED names the disk.
 */
bool snapshot_is_whole(const struct action_ctx *ctx, virDomain *dom, virDomainSnapshot *s,
		       GError **error);

/*
 * As snapshot_is_whole(), and that S has every disk, NIC and other device of DOM: libvirt would
 * remove the others, and OpenNebula would not know. VMM_ERROR_REFUSED names them. VMM_ERROR_BUSY:
 * a disk that comes back is open for another VM.
 */
bool snapshot_can_revert(const struct action_ctx *ctx, virDomain *dom, virDomainSnapshot *s,
			 GError **error);

/* Deletes from the images of DOM a snapshot NAME that libvirt does not know. */
void snapshot_drop_orphan(virDomain *dom, const char *name);

#endif
