/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/fit.h"

#include "fit/cpu_fit.h"
#include "fit/encryption_fit.h"
#include "fit/fit_report.h"
#include "fit/tpm_fit.h"

void fit_result_init(FitResult *result)
{
	*result = (FitResult){ .changes = g_ptr_array_new_with_free_func(g_free),
			       .required = g_ptr_array_new_with_free_func(g_free),
			       .slots = -1 };
}

void fit_result_clear(FitResult *result)
{
	g_clear_pointer(&result->changes, g_ptr_array_unref);
	g_clear_pointer(&result->required, g_ptr_array_unref);
}

enum fit_need fit_needs(const xmlNode *domain, const struct fit_input *input)
{
	enum fit_need encryption = fit_encryption_needs(domain);
	enum fit_need cpu = fit_cpu_needs(domain, input);
	enum fit_need tpm = fit_tpm_needs(domain, input);

	return MAX(MAX(cpu, tpm), encryption);
}

bool fit_domain(xmlNode *domain, const struct fit_input *input, FitResult *result, GError **error)
{
	g_auto(FitReport) report = { 0 };

	fit_report_init(&report);
	fit_encryption(domain, input, result, &report);
	fit_tpm(domain, input, &report);
	/*
	 * A VM that only wants encrypted memory or a TPM keeps the CPU that is written in its
	 * domain.
	 */
	if (fit_cpu_needs(domain, input) != FIT_NEEDS_NOTHING)
		fit_cpu(domain, input, result, &report);

	return fit_report_check(&report, error);
}
