/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_check.h - checks a request before anything is run.
 *
 * Source: docs/facts/protocol.md 5.
 */
#ifndef ONE_VMM_EXEC_REQUEST_CHECK_H
#define ONE_VMM_EXEC_REQUEST_CHECK_H

#include "step.h"

/* Also reads the local deployment file into CONTEXT, if its plan needs one. */
bool request_check(struct step_context *context, GError **error);

#endif
