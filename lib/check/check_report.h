/* SPDX-License-Identifier: Apache-2.0 */
/* check_report.h - results of checks as lines, as JSON, and as OpenNebula's attributes. */
#ifndef CHECK_CHECK_REPORT_H
#define CHECK_CHECK_REPORT_H

#include "check/check.h"

enum check_format {
	/* A line a result, with the commands that cure it below. */
	CHECK_TEXT,
	/*
	 * {"host", "result", "version", "set_version", "time_ms", "cpu": {…}, "checks": [{"id",
	 * "result", "found", "hint", "commands"}…]} and a line's end. time_ms is the host's clock,
	 * since 1970.
	 */
	CHECK_JSON,
	/*
	 * NAME="VALUE" lines as OpenNebula's probes print them.
	 * Source: docs/facts/hosts.md 8.
	 */
	CHECK_FACTS,
};

/* RESULTS, of FACTS, in that form. The caller frees. */
char *check_report(const GPtrArray *results, const HostFacts *facts, enum check_format format);

#endif
