/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_fit.h - whether a domain has the TPM that its VM's TPM/TYPE asks for: oned does not know
 * TYPE, and makes an emulated one, or none.
 *
 * Source: docs/facts/deployment.md 2.24.
 */
#ifndef FIT_TPM_FIT_H
#define FIT_TPM_FIT_H

#include "fit/fit.h"
#include "fit/fit_report.h"

/* As fit_needs(), for the TPM alone. */
enum fit_need fit_tpm_needs(const xmlNode *domain, const struct fit_input *in);

/* As fit_domain(); changes nothing. */
void fit_tpm(const xmlNode *domain, const struct fit_input *in, FitReport *report);

#endif
