/* SPDX-License-Identifier: Apache-2.0 */
#include "action/progress.h"

#include <json-c/json.h>
#include <unistd.h>

#include "action/abort.h"
#include "base/progress_line.h"

enum { TELL_US = 10000000, GRACE_S = 20 };

static struct {
	struct progress_line line;
	gint64 told_us;		/* when a log line was last written */
	bool as_json;
} shown;

void progress_as_json(void)
{
	shown.as_json = true;
}

void progress_end(void)
{
	progress_line_end(&shown.line);
}

static void print_object(const struct virt_progress *p)
{
	const struct {
		const char *name;
		guint64 value;
	} members[] = {
		{ "total_bytes", p->total_bytes }, { "remaining_bytes", p->remaining_bytes },
		{ "bytes_per_second", p->rate_bytes }, { "elapsed_ms", (guint64)p->elapsed_ms },
		{ "round", p->iteration },
	};
	json_object *all = json_object_new_object(), *of = json_object_new_object();

	for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
		json_object_object_add(of, members[i].name,
				       json_object_new_uint64(members[i].value));
	json_object_object_add(all, "action", json_object_new_string(action_self()->name));
	json_object_object_add(all, "progress", of);
	puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(all);
}

void progress_show(const struct virt_progress *p)
{
	gint64 now = g_get_monotonic_time();

	if (shown.as_json) {
		print_object(p);
	} else if (isatty(STDERR_FILENO)) {
		shown.line.what = action_self()->name;
		shown.line.total = p->total_bytes;
		progress_line_show(&shown.line,
				   p->total_bytes - MIN(p->remaining_bytes, p->total_bytes));
	} else if (now - shown.told_us >= TELL_US) {
		g_autofree char *text = virt_progress_text(p);

		shown.told_us = now;
		action_log("INFO", "%s", text);
	}
}

static void on_progress(void *data G_GNUC_UNUSED, const struct virt_progress *progress)
{
	progress_show(progress);
}

struct virt_job progress_job(const struct action_ctx *ctx, virDomain *dom)
{
	gint64 now = g_get_monotonic_time(), left_us = ctx->deadline_us - now;
	gint64 reserve_us = MIN((gint64)GRACE_S * G_USEC_PER_SEC, left_us / 2);

	abort_defer(GRACE_S);

	return (struct virt_job){ .dom = dom, .until_us = ctx->deadline_us - reserve_us,
				  .stop = abort_requested, .progress = on_progress };
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
