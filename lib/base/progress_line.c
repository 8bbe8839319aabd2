/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress_line.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { PAUSE_US = 200000, BAR = 20 };

/* "1:02:03" or "2:03" */
static char *time_left(guint64 seconds)
{
	guint hours = (guint)(seconds / 3600), minutes = (guint)(seconds / 60 % 60);
	guint rest = (guint)(seconds % 60);

	if (hours)
		return g_strdup_printf("%u:%02u:%02u", hours, minutes, rest);

	return g_strdup_printf("%u:%02u", minutes, rest);
}

/* DONE bytes after ELAPSED_US microseconds. The caller frees. */
static char *line_text(const struct progress_line *line, guint64 done, gint64 elapsed_us)
{
	double share = line->total ? (double)done / (double)line->total : 0;
	double rate = elapsed_us ? (double)done * G_USEC_PER_SEC / (double)elapsed_us : 0;
	g_autofree char *of = text_size(line->total);
	g_autofree char *so_far = text_size(done);
	g_autofree char *speed = text_size((guint64)rate);
	g_autofree char *left = g_strdup("?");
	g_autofree char *bar = g_strnfill(BAR, ' ');

	if (!line->total)
		return g_strdup_printf("%s: %" G_GINT64_FORMAT " s", line->what,
				       elapsed_us / G_USEC_PER_SEC);

	share = MIN(share, 1);
	memset(bar, '#', (size_t)(share * BAR));
	if (rate >= 1) {
		g_free(left);
		left = time_left((guint64)((double)(line->total - MIN(done, line->total)) / rate));
	}

	return g_strdup_printf("%s [%s] %3d%% %s of %s, %s/s, %s left", line->what, bar,
			       (int)(share * 100), so_far, of, speed, left);
}

void progress_line_show(struct progress_line *line, guint64 done)
{
	gint64 now_us = g_get_monotonic_time();
	g_autofree char *text = NULL;

	if (!line->started_us)
		line->started_us = now_us;
	if (line->shown_us && now_us - line->shown_us < PAUSE_US)
		return;

	line->shown_us = now_us;
	text = line_text(line, done, now_us - line->started_us);
	fprintf(stderr, "\r\033[K%s", text);
	fflush(stderr);
}

void progress_line_end(const struct progress_line *line)
{
	if (!line->shown_us)
		return;

	fputs("\r\033[K", stderr);
	fflush(stderr);
}
