/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_domain.h - a domain made here from a VM document, for an administrator who
 * has no front-end that made it.
 *
 * Source: docs/architecture.md, "A DEPLOY, from line to guest".
 */
#ifndef VM_BUILD_DOMAIN_H
#define VM_BUILD_DOMAIN_H

#include "action/action.h"
#include "domain/domain.h"
#include "xml/xml.h"

/*
 * The domain for the VM document (or action data) in TEXT, with the defaults of file
 * CONF unless it is NULL, as our libvirt understands it; to be fitted to this host, with RET_VM.
 * What is odd is logged. The caller frees both. Errors: VMM_ERROR_INPUT, VMM_ERROR_CONFIG.
 */
xmlDoc *build_domain_xml(const struct action_ctx *ctx, const GString *text, const char *conf,
			 TmplVm **ret_vm, GError **error);

/*
 * What vmm_exec.cfg on this machine allows VMs to ask of their host, for
 * struct domain_options; read once. NULL with VMM_ERROR_CONFIG. Static.
 */
const struct domain_policy *build_domain_policy(GError **error);

#endif
