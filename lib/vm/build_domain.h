/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_domain.h - builds a domain from a VM document on the host itself: for an administrator
 * without a front-end, or instead of taking that of oned.
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
 * CONF unless it is NULL, for the libvirt of this host; to be fitted to this host, with RET_VM.
 * Warnings are logged. The caller frees both. Errors: VMM_ERROR_INPUT, VMM_ERROR_CONFIG.
 */
xmlDoc *build_domain_xml(const struct action_ctx *ctx, const GString *text, const char *conf,
			 TmplVm **ret_vm, GError **error);

/*
 * Builds the domain of VM anew, of vm.xml in DIRECTORY, if kvmrc says DEPLOY_FROM = vm: DOC, which
 * oned wrote, is replaced by it. The defaults are those of the set, if it has them; what only oned
 * knew is taken from DOC. What is other is added to CHANGES (of char *). DOC stays, with a warning
 * that is logged, when VM is NULL or not DOC's, or DOC holds what VM does not explain. Errors: as
 * build_domain_xml().
 */
bool build_domain_again(const struct action_ctx *ctx, TmplVm *vm, const char *directory,
			xmlDoc **doc, GPtrArray *changes, GError **error);

/*
 * What vmm_exec.cfg on this machine permits VMs to use of their host, for
 * struct domain_options; read once. NULL with VMM_ERROR_CONFIG. Static.
 */
const struct domain_policy *build_domain_policy(GError **error);

#endif
