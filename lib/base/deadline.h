/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadline.h - until when something is waited for: a time of g_get_monotonic_time(), in
 * microseconds, as GLib's own waits have it. Variables that hold one end with "until_us".
 *
 *	gint64 until_us = deadline_in_ms(WAIT_MS);
 *
 *	while (!is_there())
 *		if (!deadline_pause(until_us, PAUSE_MS))
 *			return false;
 */
#ifndef BASE_DEADLINE_H
#define BASE_DEADLINE_H

#include <glib.h>
#include <stdbool.h>

/* MS milliseconds from now. */
gint64 deadline_in_ms(gint64 ms);

/* Whether that time is over. */
bool deadline_passed(gint64 until_us);

/* Milliseconds until then; 0 when it has passed. */
unsigned deadline_left_ms(gint64 until_us);

/* Sleeps for MS milliseconds. False, at once, when it has passed. */
bool deadline_pause(gint64 until_us, unsigned ms);

#endif
