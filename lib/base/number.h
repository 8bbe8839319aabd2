/* SPDX-License-Identifier: Apache-2.0 */
/* number.h - strict numbers from text: the whole text, in a range, or an error. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include "base/error.h"

/*
 * Reads TEXT as an unsigned decimal of MIN to MAX: digits only (no sign, blank
 * or 0x). False with VMM_ERROR_INPUT "'TEXT' is not a number from MIN to MAX".
 */
bool number_unsigned(const char *text, guint64 min, guint64 max, guint64 *ret, GError **error);

/* As number_unsigned(), with an optional leading '-'. */
bool number_signed(const char *text, gint64 min, gint64 max, gint64 *ret, GError **error);

/*
 * yes/no, true/false, on/off, 1/0 in any case. False with VMM_ERROR_INPUT
 * "'TEXT' is not yes or no".
 */
bool number_bool(const char *text, bool *ret, GError **error);

/* Bytes from "20G": a number of 1 or more, with K, M, G or T or none for bytes. VMM_ERROR_USAGE. */
bool number_size(const char *text, guint64 *ret, GError **error);

#endif
