/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_fit.h - fits a domain to this host with what libvirt says of it, asks libvirt whether the
 * host can run its CPU. What the running domain was given is looked at by cpu_proof.h.
 *
 * Nothing is asked, and nothing read but the VM's document, where neither the VM nor kvmrc wants
 * anything of it.
 * Source: docs/facts/cpu.md 2 to 4.
 */
#ifndef VM_HOST_FIT_H
#define VM_HOST_FIT_H

#include "action/action.h"
#include "fit/fit.h"
#include "xml/xml.h"

typedef struct host_fit {
	FitCpuMap *cpus;	/* NULL: nothing was asked for */
	FitResult result;
	const char *secret_mode;	/* of the domain's TPM, by vtpm_secret_ask(); or NULL */
} HostFit;

/* Before all else; the caller clears. */
void host_fit_init(HostFit *fit);
void host_fit_clear(HostFit *fit);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HostFit, host_fit_clear)

/* libvirt's CPU map for the architecture of DOMAIN. The caller frees. */
FitCpuMap *host_fit_cpus(const xmlNode *domain, GError **error);

/* The VM of DOCUMENT, a vm.xml; NULL when there is none (NULL) or it is of no VM. Caller frees. */
TmplVm *host_fit_vm(xmlDoc *document);

/*
 * Fits DOMAIN, which is to be started here; BUILT: it was made of VM, not by oned. VM may be NULL.
 * FIT is for what follows. Errors: as fit_domain(), or of libvirt.
 */
bool host_fit_domain(const struct action_ctx *ctx, xmlNode *domain, const TmplVm *vm, bool built,
		     HostFit *fit, GError **error);

/* Whether cpu_proof() has anything to look at. */
bool host_fit_wants_proof(const HostFit *fit);

/*
 * For a guest that continues from a checkpoint: its CPU must stay what it is, so DOMAIN is not
 * changed. Whether this host can run that CPU is asked when the VM of DIRECTORY/vm.xml or kvmrc
 * wants a CPU to be fitted.
 */
bool host_fit_check(const struct action_ctx *ctx, const xmlNode *domain, const char *directory,
		    GError **error);

/*
 * Before DOM is saved or moved while it runs: VMs in it would not survive that. What kvmrc's
 * NESTED_GUARD says: logs, or fails with VMM_ERROR_REFUSED. WHAT: "save", "migrate".
 */
bool host_fit_guard_nested(const struct action_ctx *ctx, virDomain *dom, const char *what,
			   GError **error);

#endif
