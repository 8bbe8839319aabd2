/* SPDX-License-Identifier: Apache-2.0 */
/* check_report.h - results of checks as lines, as JSON, and as OpenNebula's attributes. */
#ifndef CHECK_CHECK_REPORT_H
#define CHECK_CHECK_REPORT_H

#include "check/check.h"

/* Adds a line a result, with the commands that cure it below. */
void check_report_text(const GPtrArray *results, GString *out);

/*
 * Adds {"host", "result", "version", "set_version", "time_ms", "cpu": {…}, "checks": [{"id",
 * "result", "found", "hint", "commands"}…]} and a line's end. time_ms is the host's clock, since
 * 1970.
 */
void check_report_json(const GPtrArray *results, const HostFacts *facts, GString *out);

/*
 * Adds NAME="VALUE" lines as OpenNebula's probes print them.
 * Source: docs/facts/hosts.md 8.
 */
void check_report_facts(const GPtrArray *results, const HostFacts *facts, GString *out);

#endif
