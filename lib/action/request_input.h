/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_input.h - the request that comes on an action's stdin.
 *
 * Source: docs/facts/actions.md 0.1.
 */
#ifndef ACTION_REQUEST_INPUT_H
#define ACTION_REQUEST_INPUT_H

#include "action/action.h"
#include "template/request.h"

/* Reads stdin; an empty one is no error. The caller frees. VMM_ERROR_INPUT: it is no XML. */
TmplRequest *request_input_read(GError **error);

/* As request_input_read() of TEXT, an operand that is XML or base64 of it. */
TmplRequest *request_input_of_operand(const char *text, GError **error);

/*
 * How many seconds ago oned sent the request, from VMM_REQUEST_AGE, which the dispatcher sets when
 * it asks about an action or runs it again; -1: not known. VMM_ERROR_USAGE: it is no number.
 */
bool request_input_age(gint64 *ret, GError **error);

/* VMM_ERROR_INPUT when REQUEST is empty, or has no VM. */
bool request_input_check(const TmplRequest *request, GError **error);

#endif
