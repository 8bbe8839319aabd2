#include "action/progress.h"

#include <unistd.h>

#include "action/sudden.h"

enum { TELL_MS = 10000, TELL_TERMINAL_MS = 500, GRACE_S = 20 };

char *progress_text(const struct virt_progress *p)
{
	GString *out = g_string_new(NULL);
	g_autofree char *done = g_format_size(p->done), *total = g_format_size(p->total);
	g_autofree char *rate = g_format_size(p->rate);

	if (p->total)
		g_string_append_printf(out, "%u %%, %s of %s, ",
				       (unsigned)(100.0 * (double)MIN(p->done, p->total) /
						  (double)p->total), done, total);
	if (p->rate)
		g_string_append_printf(out, "%s/s, ", rate);
	if (p->downtime_ms)
		g_string_append_printf(out, "downtime %" G_GUINT64_FORMAT " ms, ", p->downtime_ms);
	g_string_append_printf(out, "%" G_GUINT64_FORMAT " s", p->elapsed_ms / 1000);
	return g_string_free(out, FALSE);
}

static void tell(const struct virt_progress *progress)
{
	g_autofree char *text = progress_text(progress);

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%s: %s\033[K", action.name, text);
	else
		action_log("INFO", "%s", text);
}

struct virt_job progress_job(const struct action_ctx *ctx, virDomain *dom)
{
	const struct virt_job job = {
		.dom = dom, .asked = sudden_asked, .tell = tell,
		.tell_ms = isatty(STDERR_FILENO) ? TELL_TERMINAL_MS : TELL_MS,
		/* The signal of the deadline itself shall find us waiting. */
		.limit_ms = action_left_ms(ctx, G_MAXINT) + GRACE_S * 1000,
	};

	sudden_soften(GRACE_S);
	return job;
}
