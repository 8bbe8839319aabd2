/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/fit_report.h"

enum { SHOWN_MAX = 20 };

void fit_report_init(FitReport *report)
{
	*report = (FitReport){ .problems = g_ptr_array_new_with_free_func(g_free) };
}

void fit_report_clear(FitReport *report)
{
	g_clear_pointer(&report->problems, g_ptr_array_unref);
	g_clear_pointer(&report->hint, g_free);
}

void fit_report_add(FitReport *report, enum vmm_error class, const char *format, ...)
{
	va_list ap;

	if (!report->problems->len)
		report->class = class;
	va_start(ap, format);
	g_ptr_array_add(report->problems, g_strdup_vprintf(format, ap));
	va_end(ap);
}

void fit_report_hint(FitReport *report, const char *format, ...)
{
	va_list ap;

	if (report->hint)
		return;
	va_start(ap, format);
	report->hint = g_strdup_vprintf(format, ap);
	va_end(ap);
}

bool fit_report_check(const FitReport *report, GError **error)
{
	guint n = MIN(report->problems->len, SHOWN_MAX);
	GString *text;

	if (!n)
		return true;
	text = g_string_new(report->problems->pdata[0]);
	for (guint i = 1; i < n; i++)
		g_string_append_printf(text, "; %s", (const char *)report->problems->pdata[i]);
	if (report->problems->len > n)
		g_string_append_printf(text, "; and %u more", report->problems->len - n);
	vmm_fail(error, report->class, "%s", text->str);
	if (report->hint)
		vmm_error_set_hint(error, "%s", report->hint);
	g_string_free(text, TRUE);

	return false;
}
