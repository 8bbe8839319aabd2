/* SPDX-License-Identifier: Apache-2.0 */
#include "oned_output.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "or_else.h"

enum { LOOK_MS = 50, LAST_LOOKS = 100, LAST_PAUSE_MS = 10 };

/* A reply on its way: the number of bytes that were written when it was. */
struct mail {
	guint64 seq, end;
};

struct oned_output {
	int fd;
	size_t max_text;
	DriverLog *log;
	GString *pending;
	guint watch;		/* source id; 0 when nothing waits */
	bool broken;		/* oned has closed it */
	bool is_pipe, is_socket;
	guint64 queued, written;	/* bytes */
	GQueue unsent, unread;	/* of struct mail, oldest first */
	guint look;		/* source id: whether they were read is looked at again */
	const struct oned_output_events *events;
	void *data;
};

OnedOutput *oned_output_new(int fd, size_t max_text, DriverLog *log)
{
	OnedOutput *o = g_new0(OnedOutput, 1);
	struct stat st;

	o->fd = fd;
	o->max_text = max_text;
	o->log = log;
	o->pending = g_string_new(NULL);
	g_queue_init(&o->unsent);
	g_queue_init(&o->unread);

	if (fstat(fd, &st) == 0) {
		o->is_pipe = S_ISFIFO(st.st_mode);
		o->is_socket = S_ISSOCK(st.st_mode);
	}

	/* Not for a terminal or a file: other processes share them. */
	if (o->is_pipe || o->is_socket)
		fcntl(fd, F_SETFL, O_NONBLOCK);

	return o;
}

void oned_output_listen(OnedOutput *o, const struct oned_output_events *events, void *data)
{
	o->events = events;
	o->data = data;
}

/* Bytes written that oned has not read yet; 0 for a file. */
static guint64 bytes_unread(const OnedOutput *o)
{
	int n = 0;

	if (!o->is_pipe && !o->is_socket)
		return 0;

	if (ioctl(o->fd, o->is_pipe ? FIONREAD : SIOCOUTQ, &n) == 0 && n > 0)
		return (guint64)n;

	return 0;
}

/* Whether the far end is closed: then what is not read yet never will be. */
static bool has_no_reader(const OnedOutput *o)
{
	struct pollfd p = { .fd = o->fd };

	if (poll(&p, 1, 0) <= 0)
		return false;

	return p.revents & (POLLERR | POLLHUP);
}

/*
 * Bytes that oned has read: of a pipe also when oned is gone, as the rest stays in it. A socket
 * loses the rest with its reader; then it is not known.
 */
static bool find_read(const OnedOutput *o, guint64 *read)
{
	guint64 left = bytes_unread(o);

	*read = o->written - MIN(left, o->written);

	return o->is_pipe || !has_no_reader(o);
}

/* Takes those of FROM whose bytes are among the first END; each is reported. */
static void pass(OnedOutput *o, GQueue *from, guint64 end, GQueue *to,
		 void (*tell)(void *data, guint64 seq))
{
	struct mail *m;

	while ((m = g_queue_peek_head(from)) && m->end <= end) {
		g_queue_pop_head(from);
		tell(o->data, m->seq);
		if (to)
			g_queue_push_tail(to, m);
		else
			g_free(m);
	}
}

static gboolean on_look(gpointer data);

static void look_for_readers(OnedOutput *o)
{
	guint64 read;

	if (!o->events)
		return;

	pass(o, &o->unsent, o->written, &o->unread, o->events->sent);
	if (o->unread.length && find_read(o, &read))
		pass(o, &o->unread, read, NULL, o->events->read);
	if (o->unread.length && !o->look)
		o->look = g_timeout_add(LOOK_MS, on_look, o);
}

static gboolean on_look(gpointer data)
{
	OnedOutput *o = data;

	o->look = 0;
	look_for_readers(o);

	return G_SOURCE_REMOVE;
}

static void flush(OnedOutput *o)
{
	while (o->pending->len && !o->broken) {
		ssize_t n = write(o->fd, o->pending->str, o->pending->len);

		if (n > 0) {
			g_string_erase(o->pending, 0, n);
			o->written += (guint64)n;
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			o->broken = true;
		}
	}

	if (o->broken)
		g_string_truncate(o->pending, 0);

	look_for_readers(o);
}

static gboolean on_writable(gint fd G_GNUC_UNUSED, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	OnedOutput *o = data;

	flush(o);
	if (o->pending->len)
		return G_SOURCE_CONTINUE;

	o->watch = 0;

	return G_SOURCE_REMOVE;
}

static void send_pending(OnedOutput *o)
{
	if (o->watch)
		return;

	flush(o);
	if (o->pending->len)
		o->watch = g_unix_fd_add(o->fd, G_IO_OUT | G_IO_ERR | G_IO_HUP, on_writable, o);
}

void oned_output_free(OnedOutput *o)
{
	struct mail *m;

	if (o->watch)
		g_source_remove(o->watch);

	for (int i = 0; i < LAST_LOOKS && (o->pending->len || o->unread.length) && !o->broken &&
	     !has_no_reader(o); i++) {
		g_usleep(LAST_PAUSE_MS * 1000);
		flush(o);
	}

	look_for_readers(o);
	while ((m = g_queue_pop_head(&o->unread))) {
		o->events->unread(o->data, m->seq);
		g_free(m);
	}

	if (o->look)
		g_source_remove(o->look);

	g_queue_clear_full(&o->unsent, g_free);
	g_string_free(o->pending, TRUE);
	g_free(o);
}

/* Queues TEXT. */
static void queue_text(OnedOutput *o, const char *text)
{
	g_string_append(o->pending, text);
	o->queued += strlen(text);
}

void oned_init(OnedOutput *o)
{
	queue_text(o, "INIT SUCCESS - -\n");
	send_pending(o);
}

void oned_reply(OnedOutput *o, const char *action, bool success, gint64 id, const char *info,
		guint64 seq)
{
	g_autofree char *text = text_line(or_else(info, ""), o->max_text);
	g_autofree char *line = g_strdup_printf("%s %s %s", action, success ? "SUCCESS" :
						"FAILURE", text);

	g_autofree char *whole = g_strdup_printf("%s %s %" G_GINT64_FORMAT " %s\n", action,
						 success ? "SUCCESS" : "FAILURE", id,
						 *text || !info ? text : "-");
	struct mail *m;

	driver_log_line(o->log, success ? 'I' : 'E', id, "reply", line);
	queue_text(o, whole);

	if (seq && o->events) {
		m = g_new(struct mail, 1);
		*m = (struct mail){ seq, o->queued };
		g_queue_push_tail(&o->unsent, m);
	}

	send_pending(o);
}

void oned_log(OnedOutput *o, char severity, gint64 id, const char *format, ...)
{
	g_autofree char *raw = NULL;
	g_autofree char *text = NULL;
	g_autofree char *line = NULL;
	va_list ap;

	if (!driver_log_wants(o->log, severity))
		return;

	va_start(ap, format);
	raw = g_strdup_vprintf(format, ap);
	va_end(ap);
	text = text_line(raw, o->max_text);
	if (!*text)
		return;

	driver_log_line(o->log, severity, id, "log", text);
	line = g_strdup_printf("LOG %c %" G_GINT64_FORMAT " %s\n", severity, id, text);
	queue_text(o, line);
	send_pending(o);
}
