/*
 * host.h - what an action does on its host besides libvirt: vGPUs, the state of
 * virtual TPMs and dropped caches, by programs that run as root through sudo.
 *
 * Source: actions.md 0.6, 0.7, 21 and 22.
 */
#ifndef ACTION_HOST_H
#define ACTION_HOST_H

#include <libxml/tree.h>

#include "action/action.h"

/* The document DIRECTORY/vm.xml; NULL when it is not there or no XML. xmlFreeDoc(). */
xmlDoc *host_vm_document(const char *directory);

/* Whether VM, the root of that document or NULL, has a PCI device with a UUID: a vGPU. */
bool host_needs_vgpu(const xmlNode *vm);

/* Runs the vgpu program: VERB is "create" or "delete". Needs a DIRECTORY/vm.xml. */
bool host_vgpu(const struct action_ctx *ctx, const char *verb, const char *directory,
	       GError **error);

/* Whether libvirt starts a TPM for that domain XML, whose state it deletes at its end. */
bool host_needs_vtpm(const xmlNode *domain);

/*
 * Copies a TPM's state: VERB "backup" to DIRECTORY/tpm, "recover" from it. True
 * as well when sudo does not let us: then the host does without that feature,
 * and a warning is logged.
 */
bool host_vtpm(const struct action_ctx *ctx, const char *verb, const char *uuid,
	       const char *directory, GError **error);

/* Drops caches and compacts memory when parameter NAME of kvmrc says so; WAIT for its end. */
void host_clean_memory(const struct action_ctx *ctx, const char *name, bool wait);

/* Releases what a VM that is gone had on the host; DIRECTORY may be NULL. Faults are logged. */
void host_after_stop(const struct action_ctx *ctx, const char *directory);

/*
 * The VM's directory for an action on a domain that is gone already: from the
 * request on stdin. NULL when that does not say. The caller frees.
 */
char *host_directory_of_request(void);

#endif
