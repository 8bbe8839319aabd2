/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step_args.h - the arguments of scripts: values in a request for the names in a plan ("deploy_id",
 * "disk_target").
 *
 * Source: docs/facts/protocol.md 4 and 5.
 */
#ifndef ONE_VMM_EXEC_STEP_ARGS_H
#define ONE_VMM_EXEC_STEP_ARGS_H

#include "step_context.h"

/* As step_arg(); NULL: the request has none. */
char *step_arg_optional(const struct step_context *context, const char *name);

/* The value of NAME for STEP; "": the request has none. The caller frees. */
char *step_arg(const struct step_context *context, const struct step *step, const char *name);

/*
 * True if argument NAME may hold secrets: the request's document, EXEC's command and its input.
 * They are never logged, and put on a command line only for scripts that read them nowhere else.
 */
bool step_args_are_secret(const char *name);

/* True if STEP has the document as an argument, and it is too long for one: "" is passed. */
bool step_args_omit_document(const struct step_context *context, const struct step *step);

/* The interface that is attached or detached, as XPath; NULL: none. Static. */
const char *step_args_nic(TmplRequest *request);

/* True when that interface is an alias of another. */
bool step_args_nic_is_alias(TmplRequest *request);

#endif
