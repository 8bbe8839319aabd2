#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"


struct out {
	int fd;
	size_t max_text;
	Log *log;
	GString *pending;
	guint watch;		/* source id; 0 when nothing waits */
	bool broken;		/* nobody reads it any more */
};

Out *out_new(int fd, size_t max_text, Log *log)
{
	Out *o = g_new0(Out, 1);
	struct stat st;

	o->fd = fd;
	o->max_text = max_text;
	o->log = log;
	o->pending = g_string_new(NULL);
	/* Not a terminal or a file: those are shared with others. */
	if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return o;
}

static void flush(Out *o)
{
	while (o->pending->len && !o->broken) {
		ssize_t n = write(o->fd, o->pending->str, o->pending->len);

		if (n > 0)
			g_string_erase(o->pending, 0, n);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR)
			o->broken = true;
	}
	if (o->broken)
		g_string_truncate(o->pending, 0);
}

static gboolean on_writable(gint fd G_GNUC_UNUSED, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	Out *o = data;

	flush(o);
	if (o->pending->len)
		return G_SOURCE_CONTINUE;
	o->watch = 0;
	return G_SOURCE_REMOVE;
}

static void send_pending(Out *o)
{
	if (o->watch)
		return;
	flush(o);
	if (o->pending->len)
		o->watch = g_unix_fd_add(o->fd, G_IO_OUT | G_IO_ERR | G_IO_HUP, on_writable, o);
}

void out_free(Out *o)
{
	struct pollfd p = { .fd = o->fd, .events = POLLOUT };

	if (o->watch)
		g_source_remove(o->watch);
	for (int i = 0; i < 10 && o->pending->len && !o->broken; i++) {
		poll(&p, 1, 100);
		flush(o);
	}
	g_string_free(o->pending, TRUE);
	g_free(o);
}

void out_init(Out *o)
{
	g_string_append(o->pending, "INIT SUCCESS - -\n");
	send_pending(o);
}

void out_reply(Out *o, const char *action, bool success, gint64 id, const char *info)
{
	g_autofree char *text = text_line(info ? info : "", o->max_text);
	g_autofree char *line = g_strdup_printf("%s %s %s", action, success ? "SUCCESS" :
						"FAILURE", text);

	log_line(o->log, success ? 'I' : 'E', id, "reply", line);
	g_string_append_printf(o->pending, "%s %s %" G_GINT64_FORMAT " %s\n", action,
			       success ? "SUCCESS" : "FAILURE", id,
			       *text || !info ? text : "-");
	send_pending(o);
}

void out_log(Out *o, char severity, gint64 id, const char *format, ...)
{
	g_autofree char *raw = NULL;
	g_autofree char *text = NULL;
	va_list ap;

	if (!log_wants(o->log, severity))
		return;
	va_start(ap, format);
	raw = g_strdup_vprintf(format, ap);
	va_end(ap);
	text = text_line(raw, o->max_text);
	if (!*text)
		return;
	log_line(o->log, severity, id, "log", text);
	g_string_append_printf(o->pending, "LOG %c %" G_GINT64_FORMAT " %s\n", severity, id, text);
	send_pending(o);
}
