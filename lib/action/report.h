/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - how an action reports its outcome: the lines that OpenNebula reads at the end of
 * stderr, or one JSON object on stdout.
 *
 * Source: docs/facts/actions.md 0.2; docs/architecture.md, "Three outcomes".
 */
#ifndef ACTION_REPORT_H
#define ACTION_REPORT_H

#include "base/error.h"

enum action_outcome {
	ACTION_DONE,	/* done, now or before */
	ACTION_FAILED,	/* certainly not done */
	ACTION_UNKNOWN,	/* requested; it may or may not be done */
};

/* What an action has to say when it is done. */
struct report {
	const char *output;		/* for stdout */
	struct json_object *result;	/* members for --json, without "output"; or NULL */
	bool dry_run;			/* nothing was changed */
};

/* 0 done, 1 failed, 2 misuse, 3 unknown. ERROR: NULL when done. */
int report_exit_status(enum action_outcome outcome, const GError *error);

/*
 * The log line and the error block of ACTION: "ERROR: ACTION: message", then,
 * on one line between two marks, "ACTION: message [CLASS] (hint: …)". That line alone if stderr is
 * a terminal: no program reads it there. The caller frees.
 */
char *report_error(const char *action, enum action_outcome outcome, const GError *error);

/*
 * {"action", "outcome", "output"} and the members of REPORT's result when done ("dry-run" if
 * nothing was changed), else {"action", "outcome", "error": {"message", "class", "retry_safe",
 * "hint"}}, and a line's end. REPORT: NULL if there is nothing to say. The caller frees.
 */
char *report_json(const char *action, enum action_outcome outcome, const struct report *report,
		  const GError *error);

/* TEXT on one line: control characters and what is not UTF-8 replaced. The caller frees. */
char *report_line(const char *text);

#endif
