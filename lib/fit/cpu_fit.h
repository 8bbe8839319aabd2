/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu_fit.h - the CPU of a domain: its mode, model, features and address bits.
 *
 * Source: docs/facts/cpu.md 2 and 3.
 */
#ifndef FIT_CPU_FIT_H
#define FIT_CPU_FIT_H

#include "fit/fit.h"
#include "fit/fit_report.h"

/* As fit_needs(), for the CPU alone. */
enum fit_need fit_cpu_needs(const xmlNode *domain, const struct fit_input *in);

/* As fit_domain(): DOMAIN is changed only if nothing was added to REPORT. */
void fit_cpu(xmlNode *domain, const struct fit_input *in, FitResult *result, FitReport *report);

#endif
