/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step.h - the commands that a step of a plan consists of.
 *
 * Source: docs/facts/protocol.md 5 and 6.
 */
#ifndef ONE_VMM_EXEC_STEP_H
#define ONE_VMM_EXEC_STEP_H

#include "step_context.h"

/*
 * The commands of STEP, perhaps none, to be run one after the other until one fails.
 * NULL with ERROR set when the request does not hold what they need.
 */
GPtrArray *step_commands(struct step_context *context, const struct step *step, GError **error);

/* What can be asked of the host of a step: see outcome(8). */
enum question {
	QUESTION_OUTCOME,	/* what became of the step */
	QUESTION_ABSENT,	/* whether the VM runs there */
};

/* The command, as in step_commands(), that asks the host of STEP. */
GPtrArray *step_question(struct step_context *context, const struct step *step,
			 enum question question, GError **error);

/* Whether the request asks for STEP at all (STEP_IF_…). */
bool step_applies(const struct step_context *context, const struct step *step);

/* Whether STEP runs on its host although transport is "direct": it needs files there. */
bool step_needs_files(const struct step_context *context, const struct step *step);

/* Whether the script of STEP reads the document as an argument, and it is too long for one. */
bool step_omits_document(const struct step_context *context, const struct step *step);

/* STEP's name in LOG lines: "/bin/mkdir -p", "pre". The caller frees. */
char *step_title(const struct step_context *context, const struct step *step);

#endif
