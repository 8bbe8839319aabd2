/* SPDX-License-Identifier: Apache-2.0 */
/* or_else.h - a text, or another one where there is none. */
#ifndef ONE_VMM_EXEC_OR_ELSE_H
#define ONE_VMM_EXEC_OR_ELSE_H

/* TEXT, or FALLBACK if that is NULL. Borrowed. */
static inline const char *or_else(const char *text, const char *fallback)
{
	return text ? text : fallback;
}

/* TEXT, or FALLBACK if that is NULL or empty. Borrowed. */
static inline const char *or_if_empty(const char *text, const char *fallback)
{
	return text && *text ? text : fallback;
}

#endif
