/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start_vm.h - the last part of a deploy: what a VM needs of its host besides libvirt, its domain,
 * and the proof that the guest has what was asked for.
 *
 * Source: docs/facts/actions.md 1; docs/architecture.md, "A DEPLOY, from line to guest".
 */
#ifndef VM_START_VM_H
#define VM_START_VM_H

#include "vm/host_fit.h"

struct start_order {
	const xmlNode *domain;
	const xmlNode *document;	/* the VM's, of vm.xml; or NULL */
	const char *file;	/* where the domain's XML is kept */
	const char *directory;	/* of the VM: FILE is in it */
	const char *host;	/* this one's name for OpenNebula; or NULL */
	const char *mark;	/* of this deployment; or NULL */
	const HostFit *fit;
};

/* Starts VM. The caller frees RET_DOM, set when done. After a failure nothing of it is left. */
enum action_outcome start_vm(struct action_ctx *ctx, const struct start_order *vm,
			     virDomain **ret_dom, GError **error);

/* DOM is the domain of VM and runs already: it belongs to this deployment now. */
enum action_outcome start_vm_adopt(struct action_ctx *ctx, const struct start_order *vm,
				   virDomain **dom, GError **error);

#endif
