/* SPDX-License-Identifier: Apache-2.0 */
#include "base/deadline.h"

gint64 deadline_in_ms(gint64 ms)
{
	return g_get_monotonic_time() + ms * 1000;
}

bool deadline_passed(gint64 until_us)
{
	return g_get_monotonic_time() >= until_us;
}

unsigned deadline_left_ms(gint64 until_us)
{
	gint64 left_ms = (until_us - g_get_monotonic_time()) / 1000;

	return (unsigned)CLAMP(left_ms, 0, (gint64)G_MAXINT);
}

bool deadline_pause(gint64 until_us, unsigned ms)
{
	if (deadline_passed(until_us))
		return false;

	g_usleep((gulong)ms * 1000);

	return true;
}
