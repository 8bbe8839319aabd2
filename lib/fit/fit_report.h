/* SPDX-License-Identifier: Apache-2.0 */
/* fit_report.h - the problems that a fit finds: all are collected, and reported in one line. */
#ifndef FIT_FIT_REPORT_H
#define FIT_FIT_REPORT_H

#include "base/error.h"

typedef struct fit_report {
	GPtrArray *problems;	/* of char * */
	enum vmm_error class;	/* of the first of them */
	char *hint;		/* of the first that has one; or NULL */
} FitReport;

void fit_report_init(FitReport *report);
void fit_report_clear(FitReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FitReport, fit_report_clear)

/* Adds a problem; the report has the CLASS of the first one. */
void fit_report_add(FitReport *report, enum vmm_error class, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

/* Sets the hint, unless there is one. */
void fit_report_hint(FitReport *report, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* False, with all of it in ERROR, if there are any. */
bool fit_report_check(const FitReport *report, GError **error);

#endif
