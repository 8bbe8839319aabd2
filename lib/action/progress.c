#include "action/progress.h"

#include <unistd.h>

#include "action/action.h"

enum { LINE_US = 10000000 };

void progress_tell(void *data, const struct virt_progress *progress)
{
	struct progress *p = data;
	gint64 now = g_get_monotonic_time();
	g_autofree char *text = virt_progress_text(progress);

	if (isatty(STDERR_FILENO)) {
		fprintf(stderr, "\r%s: %s\033[K", p->what, text);
		p->told_us = now;
	} else if (!p->told_us || now - p->told_us >= LINE_US) {
		action_log("INFO", "%s: %s", p->what, text);
		p->told_us = now;
	}
}

void progress_end(const struct progress *p)
{
	if (p->told_us && isatty(STDERR_FILENO))
		fputc('\n', stderr);
}
