/* SPDX-License-Identifier: Apache-2.0 */
#include "base/terminal.h"

#include <stdbool.h>
#include <unistd.h>

static bool has_colours(int fd)
{
	const char *no_colour = g_getenv("NO_COLOR");

	if (no_colour && *no_colour)
		return false;
	if (!g_strcmp0(g_getenv("TERM"), "dumb"))
		return false;

	return isatty(fd);
}

char *terminal_paint(int fd, enum terminal_colour colour, const char *text)
{
	static const char *const codes[] = {
		[TERMINAL_RED] = "31", [TERMINAL_GREEN] = "32",
		[TERMINAL_YELLOW] = "33", [TERMINAL_BOLD] = "1",
	};

	if (!has_colours(fd))
		return g_strdup(text);

	return g_strdup_printf("\033[%sm%s\033[0m", codes[colour], text);
}
