/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_redefine.h - makes the snapshots in a VM's images known again to a libvirt that does not
 * know them: the domain was started again, or on another host.
 *
 * The definitions are files of the VM's directory, which other users may be able to write to: they
 * are looked at first (snapshot_check.h).
 * Source: docs/facts/actions.md 1, step 9; libvirt.md G.
 */
#ifndef VM_SNAPSHOT_REDEFINE_H
#define VM_SNAPSHOT_REDEFINE_H

#include <libvirt/libvirt.h>

#include "base/error.h"

/*
 * Registers the snapshots defined by DIRECTORY/snap-*.xml for DOM, parents first, and rewrites the
 * files with DOM's UUID and paths. Continues after a fault: each is reported to LOG, the first one
 * is ERROR too.
 */
bool snapshot_redefine_all(virDomain *dom, const char *directory,
			   void (*log)(const char *level, const char *format, ...), GError **error);

#endif
