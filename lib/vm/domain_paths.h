/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain_paths.h - paths in the XML of a domain whose VM has moved to another datastore.
 *
 * Source: docs/facts/actions.md 6; deployment.md 3.5.
 */
#ifndef VM_DOMAIN_PATHS_H
#define VM_DOMAIN_PATHS_H

#include <libxml/tree.h>
#include <stdbool.h>

/*
 * Rewrites every path in DOMAIN, in attributes and texts, that lies in the VM's directory of any
 * datastore, DATASTORES/ID/VM_ID, so that it lies in the directory of file CHECKPOINT, which is in
 * such a directory itself. VM_ID NULL: the name of CHECKPOINT's directory. Returns whether
 * anything was changed.
 */
bool domain_paths_rewrite(xmlNode *domain, const char *checkpoint, const char *vm_id);

#endif
