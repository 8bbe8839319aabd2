/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <glib-unix.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/program.h"
#include "driver_doubts.h"
#include "journal/journal_print.h"
#include "recovery.h"
#include "server_state.h"
#include "template/request.h"

/* oned waits ten seconds for us to go. */
enum { FINISH_MS = 5000, GIVE_UP_MS = 8000, RECOVERY_MS = 1000 };

static gboolean on_finish_late(gpointer data)
{
	struct server *s = data;

	for (GList *l = s->running.head; l; l = l->next)
		job_leave(l->data);

	return G_SOURCE_REMOVE;
}

static gboolean on_give_up(gpointer data)
{
	g_main_loop_quit(((struct server *)data)->loop);
	return G_SOURCE_REMOVE;
}

/*
 * However we are asked to end, the journal is as after a crash: what waits stays in it, what runs
 * may end, and what takes too long is ended here and left to the next driver. oned knows nothing of
 * a signal: what it asks for until we have ended waits like the rest.
 */
void server_stop(struct server *s, int status)
{
	if (s->stopping)
		return;

	s->stopping = true;
	s->status = status;
	g_timeout_add(FINISH_MS, on_finish_late, s);
	g_timeout_add(GIVE_UP_MS, on_give_up, s);
	server_quit_when_idle(s);
}

static gint by_seq(gconstpointer job, gconstpointer seq)
{
	return job_seq(job) != *(const guint64 *)seq;
}

/* It may have been cancelled meanwhile. */
static void on_ready(void *data, guint64 seq)
{
	struct server *s = data;
	Job *job = s->stopping ? NULL : lane_queue_find(s->queue, by_seq, &seq);

	if (!job)
		return;

	lane_queue_release(s->queue, job);
	server_start_jobs(s);
}

/* What an earlier driver left is in its VM's lane before any new request. */
static void hold_left(struct server *s, const GPtrArray *rows)
{
	for (guint i = 0; rows && i < rows->len; i++) {
		Job *job = recovery_job(&s->env, g_ptr_array_index(rows, i));

		if (job)
			server_enqueue(s, job, true);
	}
}

static void on_journal_notice(void *data, char severity, const char *text)
{
	const struct server *s = data;

	if (s->recovering)	/* before that it is reported again */
		oned_log(s->env.out, severity, -1, "one_vmm_exec: %s", text);

	driver_metrics_journal(s->env.metrics, journal_is_safe(s->env.journal));
}

static void on_journal_found(void *data, const GPtrArray *rows)
{
	struct server *s = data;

	hold_left(s, rows);
	if (s->recovering)
		recovery_start(&s->env, rows, on_ready, s);
	else
		s->found = g_ptr_array_ref((GPtrArray *)rows);
}

static const struct journal_events journal_events = { on_journal_notice, on_journal_found };

/* What is allowed, and probably a mistake, would else show itself at the first VM. */
static void log_doubts(const struct server *s)
{
	g_autoptr(GPtrArray) doubts = driver_doubts(s->env.settings);

	for (guint i = 0; i < doubts->len; i++)
		oned_log(s->env.out, 'W', -1, "one_vmm_exec: %s",
			 (const char *)g_ptr_array_index(doubts, i));
}

static gboolean on_recovery(gpointer data)
{
	struct server *s = data;

	s->recovery = 0;
	if (s->stopping)
		return G_SOURCE_REMOVE;

	log_doubts(s);
	s->recovering = true;
	journal_tell_state(s->env.journal);
	if (s->no_journal)
		oned_log(s->env.out, 'E', -1, "one_vmm_exec: no journal: %s: if this driver is "
			 "killed, what is at work is lost", s->no_journal->message);
	if (journal_left(s->env.journal))
		recovery_start(&s->env, journal_left(s->env.journal), on_ready, s);
	if (s->found)
		recovery_start(&s->env, s->found, on_ready, s);

	g_clear_pointer(&s->found, g_ptr_array_unref);

	return G_SOURCE_REMOVE;
}

/*
 * Answers for what was left begin a moment after the first line: oned reads INIT's answer with
 * one read(), and nothing may follow that at once.
 */
void server_expect_recovery(struct server *s)
{
	if (!s->expects_recovery)
		s->recovery = g_timeout_add(RECOVERY_MS, on_recovery, s);

	s->expects_recovery = true;
}

static gboolean on_signal(gint fd, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return G_SOURCE_CONTINUE;
	if (info.ssi_signo == SIGHUP)
		server_reload(data);
	else
		server_stop(data, 0);

	return G_SOURCE_CONTINUE;
}

/* Not g_unix_signal_add(): GLib would start a thread. Children get an empty mask. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);

	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* oned may have written its lines as long ago, so they are read before what is known is stale. */
static void on_paused(void *data, gint64 seconds)
{
	struct server *s = data;

	oned_log(s->env.out, 'W', -1, "one_vmm_exec: this driver was stopped for %" G_GINT64_FORMAT
		 " s, longer than journal.resume_s: what it had in progress is not continued",
		 seconds);
	s->starting = true;
	server_input_rest(s);
	s->starting = false;
	server_make_stale(s);
	server_start_jobs(s);
}

static void serve(struct server *s)
{
	int signals = open_signals();
	guint watch = g_unix_fd_add(signals, G_IO_IN, on_signal, s);

	server_input_start(s);
	s->pause = loop_pause_watch(s->settings->cfg, on_paused, s);
	g_main_loop_run(s->loop);
	loop_pause_free(s->pause);
	g_source_remove(watch);
	close(signals);
	server_input_rest(s);
	server_input_stop(s);
}

static void on_host_notice(void *data, const char *host, const char *text)
{
	const struct server *s = data;

	oned_log(s->env.out, 'W', -1, "one_vmm_exec: host %s %s", host, text);
}

static void on_cleanup_due(void *data, const struct cleanup *c)
{
	struct server *s = data;
	g_autofree char *host = tmpl_request_peek_host(c->document);
	Job *job;

	/* The next driver has it in its journal. */
	if (s->stopping)
		return;

	job = job_new(&s->env, plan_find(c->plan), c->id, host, c->document, false);
	job_set_background(job, c);
	server_enqueue(s, job, false);
}

bool server_print_journal(const struct driver_settings *settings, GError **error)
{
	return journal_print(settings, error);
}

/* Without one the driver works all the same. */
static void open_server_journal(struct server *s)
{
	if (!conf_cfg_bool(s->env.settings->cfg, "journal.on"))
		return;

	s->env.journal = journal_open(s->env.settings, remote_hosts_mark(s->env.hosts),
				      &s->no_journal);
	if (!s->env.journal)
		program_fail("one_vmm_exec: no journal", s->no_journal);
}

static void write_metrics(const struct server *s)
{
	const char *file = conf_cfg_string(s->env.settings->cfg, "metrics.file");
	const struct driver_metrics_now now = {
		.waiting = lane_queue_length(s->queue),
		.running = s->running.length,
		.health = remote_hosts_health(s->env.hosts),
		.steps = remote_hosts_steps(s->env.hosts),
		.workers = remote_hosts_workers(s->env.hosts),
		.journal = journal_cost_read(s->env.journal),
	};
	g_autoptr(GError) error = NULL;

	if (*file && !driver_metrics_write(s->env.metrics, file, &now, &error))
		g_debug("%s", error->message);
}

static gboolean on_metrics(gpointer data)
{
	write_metrics(data);
	return G_SOURCE_CONTINUE;
}

bool server_run(struct driver_settings *settings, int *ret_status, GError **error)
{
	struct server s = { .settings = settings, .env = { .settings = settings } };
	guint descriptors;

	descriptors = program_allow_descriptors((unsigned)conf_cfg_int(settings->cfg,
								       "limits.descriptors"));
	s.env.hosts = remote_hosts_new(settings->cfg, settings->options.shell, settings->remote_dir,
				       error);
	if (!s.env.hosts)
		return false;

	workers_serve_here(remote_hosts_workers(s.env.hosts), settings->cfg, settings->local_dir);
	s.log = driver_log_new(settings->cfg);
	s.env.out = oned_output_new(
		STDOUT_FILENO, (size_t)conf_cfg_int(settings->cfg, "limits.info_bytes"), s.log);
	s.env.metrics = driver_metrics_new();
	open_server_journal(&s);
	s.env.later = cleanup_retry_new((unsigned)conf_cfg_int(settings->cfg, "clean.pause_s"),
					(unsigned)conf_cfg_int(settings->cfg, "clean.tries"),
					s.env.journal, s.env.out, on_cleanup_due, &s);
	s.loop = g_main_loop_new(NULL, FALSE);
	s.queue = lane_queue_new();
	server_input_open(&s);
	s.max_children = server_max_children(settings->cfg, descriptors);
	s.env.places = local_slots_new(MIN(settings->options.threads, s.max_children));
	server_read_limits(&s);
	g_queue_init(&s.running);
	remote_hosts_listen(s.env.hosts, on_host_notice, &s);
	host_health_listen(remote_hosts_health(s.env.hosts), server_on_health, &s);
	oned_output_listen(s.env.out, &journal_out_events, s.env.journal);
	journal_listen(s.env.journal, &journal_events, &s);
	recovery_remember(&s.env);
	hold_left(&s, journal_left(s.env.journal));
	if (*conf_cfg_string(settings->cfg, "metrics.file"))
		g_timeout_add_seconds((guint)conf_cfg_int(settings->cfg, "metrics.interval_s"),
				      on_metrics, &s);
	serve(&s);
	*ret_status = s.status;
	write_metrics(&s);
	server_free_waiting(&s);
	g_clear_error(&s.no_journal);
	g_queue_clear(&s.running);	/* given up: they go with the process */
	lane_queue_free(s.queue);
	local_slots_free(s.env.places);
	cleanup_retry_free(s.env.later);
	oned_output_free(s.env.out);
	remote_hosts_remember(s.env.hosts, NULL, NULL);
	journal_close(s.env.journal);
	driver_metrics_free(s.env.metrics);
	driver_log_free(s.log);
	remote_hosts_free(s.env.hosts);
	server_input_close(&s);
	g_main_loop_unref(s.loop);

	return true;
}
