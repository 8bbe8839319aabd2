/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encryption_fit.h - whether a host can run a domain with encrypted memory, and which part of it
 * is missing: the kernel, QEMU or libvirt.
 *
 * Source: docs/facts/hosts.md 5.
 */
#ifndef FIT_ENCRYPTION_FIT_H
#define FIT_ENCRYPTION_FIT_H

#include "fit/fit.h"
#include "fit/fit_report.h"

/* As fit_needs(), for encrypted memory alone. */
enum fit_need fit_encryption_needs(const xmlNode *domain);

/*
 * The parameter of a KVM module that switches the encryption of DOMAIN on: "kvm_amd/sev". NULL:
 * it has none. Static.
 */
const char *fit_encryption_parameter(const xmlNode *domain);

/* As fit_domain(); changes nothing, and says in RESULT how many such guests there may be. */
void fit_encryption(const xmlNode *domain, const struct fit_input *in, FitResult *result,
		    FitReport *report);

/*
 * Whether a guest with encryption A (fit_encryption_type(), or NULL) takes of what the guests with
 * B share: SEV has keys of its own, SEV-ES and SEV-SNP have the others, TDX has its own.
 */
bool fit_encryption_shares(const char *a, const char *b);

#endif
