/* SPDX-License-Identifier: Apache-2.0 */
#include "server_state.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <unistd.h>

#include "template/request.h"
#include "wire/deflate.h"
#include "wire/oned_line.h"

/* Behind that many a request waits long enough to be worth deflating. */
enum { PACKED_FROM = 128, PACKED_SIZE = 1 << 18, READ_SIZE = 1 << 18, LAST_READS = 1000 };

/* Whether a request is worth deflating: it will wait long, or is large. */
static bool is_packed(const struct server *s, GBytes *document)
{
	guint ahead = lane_queue_length(s->queue);

	if (ahead >= PACKED_FROM)
		return true;

	return ahead && g_bytes_get_size(document) >= PACKED_SIZE;
}

/* The journal knows the request, and what marks the domain that it may make. */
static void accept(struct server *s, Job *job, const struct plan *plan, const char *payload,
		   GBytes *document, bool packed)
{
	g_autofree char *uuid = NULL;

	if (plan->checks & CHECK_DEPLOYMENT)
		uuid = g_uuid_string_random();

	job_set_deployment(job, uuid);
	job_set_seq(job, journal_accept(s->env.journal, plan->action, job_id(job), uuid, payload,
					document, packed));
}

static void on_request(struct server *s, const struct plan *plan, struct oned_line *line)
{
	g_autoptr(GBytes) document = NULL;
	g_autoptr(GBytes) kept = NULL;
	g_autofree char *host = NULL;
	const char *why = NULL;
	bool packed;
	Job *job;

	if (!line->payload)
		why = "the line has no document";
	else if (lane_queue_length(s->queue) >= s->max_queue)
		why = "too many actions wait already (limits.queue)";
	else if (s->waiting >= s->max_waiting)
		why = "too large actions wait already (limits.waiting_bytes)";
	else if (!(document = oned_line_document(line)))
		why = "the document is not in base64";
	if (why) {
		oned_reply(s->env.out, line->action, false, line->id, why, 0);
		return;
	}

	host = tmpl_request_peek_host(document);
	packed = is_packed(s, document);
	if (packed)
		kept = deflate_pack(document);
	else
		kept = g_bytes_ref(document);
	job = job_new(&s->env, plan, line->id, host, kept, packed);
	accept(s, job, plan, line->payload, kept, packed);
	server_enqueue(s, job, false);
}

static gint by_id(gconstpointer job, gconstpointer id)
{
	return !(job_id(job) == *(const gint64 *)id && job_is_cancellable(job));
}

/* What is left at work keeps its place until it has ended: nothing of its VM runs beside it. */
static void cancel_waiting(struct server *s, gint64 id)
{
	Job *job = lane_queue_find(s->queue, by_id, &id);

	if (!job)
		return;

	if (job_is_left_at_work(job))
		job_cancel_left(job);
	else
		job_drop(server_take_waiting(s, by_id, &id));

	server_start_jobs(s);
}

static gint by_id_at_work(gconstpointer job, gconstpointer id)
{
	return by_id(job, id) || job_has_ended(job);
}

/* One whose end only goes to disk is meant if nothing of the VM runs after it. */
static void on_driver_cancel(struct server *s, gint64 id)
{
	GList *found = g_queue_find_custom(&s->running, &id, by_id_at_work);

	if (!found)
		found = g_queue_find_custom(&s->running, &id, by_id);
	if (found)
		job_cancel(found->data);
	else
		cancel_waiting(s, id);

	oned_log(s->env.out, 'I', id, "Driver command for %" G_GINT64_FORMAT " cancelled", id);
}

void server_input_stop(struct server *s)
{
	if (s->input)
		g_source_remove(s->input);

	s->input = 0;
}

static void finalize(struct server *s)
{
	server_input_stop(s);
	server_stop(s, 0);
}

static void on_line(void *data, char *text)
{
	struct server *s = data;
	struct oned_line line = { 0 };
	g_autoptr(GError) error = NULL;
	const struct plan *plan;

	if (!oned_line_parse(text, &line, &error)) {
		if (*text)
			oned_log(s->env.out, 'W', -1, "one_vmm_exec: malformed message: %s",
				 error->message);
		return;
	}

	server_expect_recovery(s);
	plan = plan_find(line.action);
	if (g_str_equal(line.action, "INIT"))
		oned_init(s->env.out);
	else if (g_str_equal(line.action, "FINALIZE"))
		finalize(s);
	else if (!s->input)
		g_debug("%s after FINALIZE", line.action);
	else if (g_str_equal(line.action, "DRIVER_CANCEL"))
		on_driver_cancel(s, line.id);
	else if (plan && plan->key)
		on_request(s, plan, &line);
	else
		oned_reply(s->env.out, line.action, false, line.id, "unknown action", 0);

	oned_line_clear(&line);
}

static void on_too_long(void *data, const char *head)
{
	struct server *s = data;
	struct oned_line line = { 0 };

	if (oned_line_parse(head, &line, NULL))
		oned_reply(s->env.out, line.action, false, line.id,
			   "the line is too long (limits.line_bytes)", 0);
	oned_line_clear(&line);
}

static const struct line_reader_events reader_events = { on_line, on_too_long };

/* False: it has ended. */
static bool read_input(struct server *s)
{
	char bytes[READ_SIZE];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n > 0)
		line_reader_feed(s->reader, bytes, (size_t)n);
	if (n >= 0)
		return n > 0;

	return errno == EINTR || errno == EAGAIN;
}

void server_input_rest(struct server *s)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	for (int i = 0; i < LAST_READS && s->input && poll(&p, 1, 0) > 0; i++)
		if (!read_input(s))
			break;
}

static gboolean on_input(gint fd G_GNUC_UNUSED, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	struct server *s = data;

	if (read_input(s))
		return G_SOURCE_CONTINUE;

	s->input = 0;
	server_stop(s, 255);

	return G_SOURCE_REMOVE;
}

void server_input_open(struct server *s)
{
	const ConfCfg *cfg = s->settings->cfg;

	s->reader = line_reader_new((size_t)conf_cfg_int(cfg, "limits.line_bytes"), &reader_events,
				    s);
}

void server_input_start(struct server *s)
{
	s->input = g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, s);
}

void server_input_close(struct server *s)
{
	line_reader_free(s->reader);
}
