/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/fit.h"

#include "fit/cpu_fit.h"
#include "fit/fit_report.h"

void fit_result_init(FitResult *result)
{
	*result = (FitResult){ .changes = g_ptr_array_new_with_free_func(g_free),
			       .required = g_ptr_array_new_with_free_func(g_free) };
}

void fit_result_clear(FitResult *result)
{
	g_clear_pointer(&result->changes, g_ptr_array_unref);
	g_clear_pointer(&result->required, g_ptr_array_unref);
}

enum fit_need fit_needs(const xmlNode *domain, const struct fit_input *input)
{
	return fit_cpu_needs(domain, input);
}

bool fit_domain(xmlNode *domain, const struct fit_input *input, FitResult *result, GError **error)
{
	g_auto(FitReport) report = { 0 };

	fit_report_init(&report);
	fit_cpu(domain, input, result, &report);

	return fit_report_check(&report, error);
}
