/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.h - colours, for people who look at a terminal and do not say NO_COLOR. */
#ifndef BASE_TERMINAL_H
#define BASE_TERMINAL_H

#include <glib.h>

enum terminal_colour { TERMINAL_RED, TERMINAL_GREEN, TERMINAL_YELLOW, TERMINAL_BOLD };

/*
 * TEXT in COLOUR if descriptor FD is a terminal, TERM is not "dumb", and NO_COLOR is not set; else
 * TEXT alone. The caller frees. Source: no-color.org.
 */
char *terminal_paint(int fd, enum terminal_colour colour, const char *text);

#endif
