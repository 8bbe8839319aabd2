/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_check.h - what can be known to be wrong with a request before anything is run.
 *
 * Source: docs/facts/protocol.md 5.
 */
#ifndef ONE_VMM_EXEC_REQUEST_CHECK_H
#define ONE_VMM_EXEC_REQUEST_CHECK_H

#include "step.h"

/* The local deployment file is read into CONTEXT where its plan has a use for it. */
bool request_check(struct step_context *context, GError **error);

#endif
