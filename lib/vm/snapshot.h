/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.h - system snapshots: in the images of the VM's disks, in libvirt's list
 * and, for the time when the VM is not there, in files beside the disks.
 *
 * Source: docs/facts/actions.md 16 to 18; libvirt.md H.
 */
#ifndef VM_SNAPSHOT_H
#define VM_SNAPSHOT_H

#include "action/action.h"

/* The VM's directory, as virt_vm_directory(); NULL with VMM_ERROR_NOT_FOUND. */
char *snapshot_directory(const struct action_ctx *ctx, virDomain *dom, GError **error);

/*
 * Snapshot NAME of DOM; one that libvirt does not know is registered first from its file in
 * DIRECTORY (or NULL). The caller frees. VMM_ERROR_NOT_FOUND: neither of them has it.
 */
virDomainSnapshot *snapshot_find(virDomain *dom, const char *directory, const char *name,
				 GError **error);

/* Writes the file of S in DIRECTORY, 0600: what snapshot_find() registers again. */
bool snapshot_keep(virDomainSnapshot *s, const char *directory, GError **error);

/* Removes that file of snapshot NAME, and writes anew those of the others, whose parents change. */
bool snapshot_forget(virDomain *dom, const char *directory, const char *name, GError **error);

/*
 * Whether all images that S needs are there and hold it: libvirt stops the VM before it
 * finds out, and cannot start it again. VMM_ERROR_REFUSED names the disk.
 */
bool snapshot_is_whole(const struct action_ctx *ctx, virDomain *dom, virDomainSnapshot *s,
		       GError **error);

/*
 * As snapshot_is_whole(), and that DOM has no disk, NIC or other device which S has not: libvirt
 * would take it from the VM, and nobody else would know. VMM_ERROR_REFUSED names them.
 */
bool snapshot_can_revert(const struct action_ctx *ctx, virDomain *dom, virDomainSnapshot *s,
			 GError **error);

/* Takes snapshot NAME out of the images of DOM when libvirt does not know that it is there. */
void snapshot_drop_orphan(virDomain *dom, const char *name);

#endif
