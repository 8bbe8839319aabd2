/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deploy_order.h - what a deploy is asked to start: the domain on stdin, or that of the VM document
 * there, fitted to this host, with all that is to be known of it before anything starts.
 *
 * Source: docs/facts/actions.md 1; docs/architecture.md, "A DEPLOY, from line to guest".
 */
#ifndef VM_DEPLOY_ORDER_H
#define VM_DEPLOY_ORDER_H

#include "vm/host_fit.h"

typedef struct deploy_order {
	GString *text;		/* of stdin, verbatim */
	xmlDoc *doc;		/* the domain */
	bool built;		/* of the VM document, not by oned */
	bool made_disks;	/* the VM's disks were made for it: see prepared_disks_undo() */
	xmlDoc *document;	/* vm.xml of the directory; or NULL */
	TmplVm *vm;		/* or NULL */
	char *directory;
	char *mark;		/* of this deployment, or NULL */
	HostFit fit;
} DeployOrder;

void deploy_order_init(DeployOrder *o);
void deploy_order_clear(DeployOrder *o);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DeployOrder, deploy_order_clear)

/* How stdin is read. */
struct deploy_source {
	bool from_vm;		/* it is a VM document, else a domain */
	bool with_disks;	/* its disks are made first; with FROM_VM alone */
	const char *defaults;	/* for that, a defaults file; or NULL */
};

/*
 * Reads and checks the order whose domain will be kept in FILE; starts nothing. RET_DOM is set,
 * and the caller's to free, when that domain runs already.
 */
bool deploy_order_read(struct action_ctx *ctx, const char *file, const struct deploy_source *source,
		       DeployOrder *o, virDomain **ret_dom, GError **error);

#endif
