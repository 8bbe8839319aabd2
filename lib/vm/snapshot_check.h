/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_check.h - whether the definition of a snapshot, read from a file that other users may be
 * able to write to, may become one of a running domain. libvirt starts a QEMU by it when the VM is
 * reverted, and opens and removes what it calls files.
 *
 * An allow list: a value that libvirt's schema does not restrict to a word or a number must be at
 * the same place of the domain, or be a file in the VM's directory or an image of a datastore.
 */
#ifndef VM_SNAPSHOT_CHECK_H
#define VM_SNAPSHOT_CHECK_H

#include <libvirt/libvirt.h>

#include <libxml/tree.h>

#include "base/error.h"

/*
 * Whether snapshot ROOT, which is in file PATH of the VM's directory, names nothing but that.
 * VMM_ERROR_REFUSED: it does. The metadata of its domains become those of DOM: what OpenNebula and
 * the actions have noted there is true now, whatever the file says.
 */
bool snapshot_check(virDomain *dom, xmlNode *root, const char *path, GError **error);

#endif
