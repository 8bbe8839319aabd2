/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root_helper.h - what an action does on its host besides libvirt: vGPUs and dropped caches, by
 * programs that run as root through sudo.
 *
 * Source: docs/facts/actions.md 0.6, 0.7 and 21.
 */
#ifndef HOST_ROOT_HELPER_H
#define HOST_ROOT_HELPER_H

#include <libxml/tree.h>

#include "action/action.h"

/*
 * A program that runs as root: root's own copy, where the host has one, as nobody else
 * can change that; else the one of the set. The caller frees.
 */
char *root_helper_argv(const char *name);

/* The document DIRECTORY/vm.xml; NULL when it is not there or no XML. xmlFreeDoc(). */
xmlDoc *root_helper_vm_document(const char *directory);

/* Whether VM, the root of that document or NULL, has a PCI device with a UUID: a vGPU. */
bool root_helper_needs_vgpu(const xmlNode *vm);

/* Runs the vgpu program: VERB is "create" or "delete". Needs a DIRECTORY/vm.xml. */
bool root_helper_vgpu(const struct action_ctx *ctx, const char *verb, const char *directory,
		      GError **error);

/* Drops caches and compacts memory when parameter NAME of kvmrc says so; WAIT for its end. */
void root_helper_clean_memory(const struct action_ctx *ctx, const char *name, bool wait);

/* Releases what a VM that has ended used on the host; DIRECTORY may be NULL. Faults are logged. */
void root_helper_after_stop(const struct action_ctx *ctx, const char *directory);

/*
 * The VM's directory for an action on a domain that is gone already: from the
 * request on stdin. NULL when that does not say. The caller frees.
 */
char *root_helper_directory_of_request(void);

#endif
