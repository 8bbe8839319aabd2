/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - texts for people and for protocols that are read by the line. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <glib.h>
#include <stdbool.h>

/*
 * TEXT as one line: control characters become blanks, runs of blanks one, both
 * ends are trimmed; of more than MAX bytes the middle is left out. The caller frees.
 */
char *text_line(const char *text, size_t max);

/* Adds SEPARATOR, unless TEXT is still empty. */
void text_separate(GString *text, const char *separator);

/* Whether TEXT has digits and nothing else; no: it is empty, or NULL. */
bool text_is_digits(const char *text);

/* TEXT, or INSTEAD when it is NULL. */
const char *text_or(const char *text, const char *instead);

/* BYTES for people: "1.5 GiB". The caller frees. */
char *text_size(guint64 bytes);

/* Edits (insert, remove, replace) that make B of A, counted up to LIMIT + 1. */
guint text_distance(const char *a, const char *b, guint limit);

/* Whether PATH is a path below DIRECTORY, both absolute and without "..": not DIRECTORY itself. */
bool text_is_below(const char *path, const char *directory);

#endif
