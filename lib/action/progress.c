/* SPDX-License-Identifier: Apache-2.0 */
#include "action/progress.h"

#include <unistd.h>

#include "action/abort.h"

enum { TELL_US = 10000000, GRACE_S = 20 };

/* Each second on a terminal, on one line. */
static void show_progress(void *data G_GNUC_UNUSED, const struct virt_progress *progress)
{
	static gint64 told_us;
	g_autofree char *text = virt_progress_text(progress);
	gint64 now = g_get_monotonic_time();

	if (isatty(STDERR_FILENO)) {
		fprintf(stderr, "\r%s: %s\033[K", action.name, text);
	} else if (now - told_us >= TELL_US) {
		told_us = now;
		action_log("INFO", "%s", text);
	}
}

struct virt_job progress_job(const struct action_ctx *ctx, virDomain *dom)
{
	gint64 now = g_get_monotonic_time(), left_us = ctx->deadline_us - now;
	gint64 reserve_us = MIN((gint64)GRACE_S * G_USEC_PER_SEC, left_us / 2);

	abort_defer(GRACE_S);

	return (struct virt_job){ .dom = dom, .until_us = ctx->deadline_us - reserve_us,
				  .stop = abort_requested, .progress = show_progress };
}

bool progress_fail(GError **error, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list ap;

	va_start(ap, format);
	what = g_strdup_vprintf(format, ap);
	va_end(ap);

	if (abort_requested())
		return vmm_fail(error, VMM_ERROR_CANCELLED, "%s was stopped by a signal", what);

	return vmm_fail(error, VMM_ERROR_TIMEOUT, "%s did not end in time", what);
}
