/* SPDX-License-Identifier: Apache-2.0 */
/* error_object.h - an error as a JSON object, the same of each program of the set. */
#ifndef BASE_ERROR_OBJECT_H
#define BASE_ERROR_OBJECT_H

#include "base/error.h"

/* {"message", "class", "retry_safe", "hint"}. The caller owns it. */
struct json_object *error_object(const GError *error, bool may_retry);

/*
 * Prints {"outcome", "error"} on stdout if --json is one of ARGV: for a program that ends before it
 * knows its options, or whom to ask.
 */
void error_object_print(char **argv, const GError *error);

/* Sets ERROR to what OBJECT says, of another program, or NULL. False: it says nothing. */
bool error_object_read(struct json_object *object, GError **error);

#endif
