/* SPDX-License-Identifier: Apache-2.0 */
#include "job_stale.h"

#include "loop_pause.h"
#include "request_check.h"
#include "wire/deflate.h"
#include "or_else.h"

Job *job_new(const struct job_env *env, const struct plan *plan, gint64 id, const char *host,
	     GBytes *document, bool packed)
{
	Job *j = g_new0(Job, 1);

	j->env = env;
	j->received_us = g_get_monotonic_time();
	j->plan = plan;
	j->id = id;
	j->host = g_strdup(host);
	if (document)
		j->document = g_bytes_ref(document);
	else
		j->document = NULL;
	j->packed = packed;
	j->retries = env->settings->options.retries;
	j->context = (struct step_context){
		.settings = env->settings, .plan = plan, .id = id,
		.accepted_s = g_get_real_time() / G_USEC_PER_SEC,
		.accepted_clock_s = loop_clock_s(),
	};

	return j;
}

void job_set_seq(Job *j, guint64 seq)
{
	j->seq = seq;
}

guint64 job_seq(const Job *j)
{
	return j->seq;
}

guint64 job_row(const Job *j)
{
	return j->background ? j->cleanup_seq : j->seq;
}

void job_set_deployment(Job *j, const char *uuid)
{
	g_free(j->context.deployment_id);
	j->context.deployment_id = g_strdup(uuid);
}

void job_set_left(Job *j, const struct row *row)
{
	const struct plan *at = row->plan ? plan_find(row->plan) : NULL;

	j->seq = row->seq;
	j->context.accepted_s = row->accepted_s;
	j->context.accepted_clock_s = 0;
	j->cancelled = row->cancelled;
	j->stale = row->stale;
	job_set_deployment(j, row->deployment);

	if (row->phase == ROW_ENDED) {
		j->start = START_ENDED;
		j->success = row->success;
		j->info = g_strdup(row->reply);
	} else if (row->phase == ROW_WAITING || !at || row->step > at->count) {
		j->start = START_NOT_BEGUN;
	} else {
		j->start = START_RESUMED;
		if (at != j->plan)
			j->phase = JOB_UNDOING;

		j->plan = at;
		j->step = row->step;
		j->info = g_strdup(row->told);
	}
}

static void job_free(Job *j)
{
	if (j->retry)
		g_source_remove(j->retry);

	step_context_clear(&j->context);
	g_clear_pointer(&j->request, tmpl_request_free);
	g_clear_pointer(&j->commands, g_ptr_array_unref);
	g_clear_pointer(&j->question, g_ptr_array_unref);
	g_free(j->lost);
	g_clear_pointer(&j->document, g_bytes_unref);
	g_free(j->host);
	g_free(j->why);
	g_free(j->info);
	g_free(j->prefix);
	g_free(j);
}

/* Without a journal the next driver will not know the job: replies now with what is known. */
static void reply_at_end(const Job *j, const char *info)
{
	if (!j->env->journal && !j->background)
		oned_reply(j->env->out, j->context.plan->action, false, j->id, info, 0);
}

void job_leave_waiting(Job *j)
{
	reply_at_end(j, "not begun: the driver ends");
	job_free(j);
}

bool job_is_cancellable(const Job *j)
{
	return !j->cancelled && !j->background;
}

void job_drop(Job *j)
{
	journal_cancel(j->env->journal, j->seq);
	journal_forget(j->env->journal, j->seq);
	job_free(j);
}

bool job_is_left_at_work(const Job *j)
{
	return j->start == START_RESUMED;
}

void job_cancel_left(Job *j)
{
	j->cancelled = true;
	journal_cancel(j->env->journal, j->seq);
}

void job_set_background(Job *j, const struct cleanup *c)
{
	j->background = true;
	j->tries = c->tries;
	j->cleanup_seq = c->seq;
}

GBytes *job_left_document(const Job *j)
{
	if (j->start != START_RESUMED || !j->document)
		return NULL;

	return j->packed ? deflate_unpack(j->document) : g_bytes_ref(j->document);
}

bool job_is_cleanup_of_other(const Job *j, const GBytes *own)
{
	if (!j->background || !own)
		return j->background;

	return !g_bytes_equal(j->document, own);
}

/* What the journal and cleanup_retry.h know it by. */
static struct cleanup cleanup_of(const Job *j)
{
	return (struct cleanup){ .plan = j->context.plan->action, .id = j->id, .tries = j->tries,
				 .seq = j->cleanup_seq };
}

void job_drop_cleanup(Job *j)
{
	const struct cleanup c = cleanup_of(j);

	cleanup_retry_done(j->env->later, &c);
	job_free(j);
}

void job_give_cleanup_up(Job *j)
{
	const struct cleanup c = cleanup_of(j);

	cleanup_retry_give_up(j->env->later, &c);
	job_free(j);
}

void job_make_stale(Job *j)
{
	j->stale = true;
}

bool job_has_ended(const Job *j)
{
	return j->phase == JOB_ENDED;
}

bool job_is_about_to_run(const Job *j)
{
	return j->keeping;
}

gsize job_size(const Job *j)
{
	if (j->document)
		return g_bytes_get_size(j->document);

	return 0;
}

gint64 job_id(const Job *j)
{
	return j->id;
}

const char *job_host(const Job *j)
{
	return j->host;
}

const char *job_action(const Job *j)
{
	return j->context.plan->action;
}

static bool succeeded(const Job *j)
{
	if (j->start == START_ENDED)
		return j->success;

	return !j->why;
}

/* The info of its reply. The caller frees; NULL: none. */
static char *reply_info(const Job *j)
{
	const char *info = or_else(j->why, j->info);

	if (j->prefix)
		return g_strdup_printf("%s %s", j->prefix, or_else(info, ""));

	return g_strdup(info);
}

/* Nobody waits for the answer: it is worth a line in the VM's log. */
static void log_background(const Job *j)
{
	struct cleanup c = cleanup_of(j);

	if (!j->why) {
		oned_log(j->env->out, 'I', j->id, "%s, tried again: done", c.plan);
		cleanup_retry_done(j->env->later, &c);
		return;
	}

	oned_log(j->env->out, 'E', j->id, "%s, tried again: %s (%u tries are left)", c.plan,
		 j->why, j->tries);
	if (j->stale) {
		cleanup_retry_give_up(j->env->later, &c);
	} else if (j->request) {
		c.document = j->request->document;
		journal_postpone(j->env->journal, j->cleanup_seq);
		cleanup_retry_add(j->env->later, &c);
	} else {
		cleanup_retry_done(j->env->later, &c);
	}
}

static void reply(const Job *j)
{
	g_autofree char *info = reply_info(j);
	bool success = succeeded(j);
	double seconds = (double)(g_get_monotonic_time() - j->received_us) / G_USEC_PER_SEC;

	if (j->background) {
		log_background(j);
		return;
	}

	driver_metrics_action(j->env->metrics, j->context.plan->action, success,
			      success ? NULL : info, seconds);
	oned_reply(j->env->out, j->context.plan->action, success, j->id, info, j->seq);
}

static void report_over(Job *j)
{
	if (j->over)
		return;

	j->over = true;
	j->events->over(j->data, j);
}

static void job_finish(Job *j)
{
	report_over(j);
	j->events->done(j->data, j);
	job_free(j);
}

/* The journal has the job's end on disk. DRIVER_CANCEL may have arrived meanwhile. */
static void on_end_kept(void *data)
{
	Job *j = data;

	if (!j->cancelled)
		reply(j);
	else if (!j->left)
		journal_forget(j->env->journal, j->seq);

	job_finish(j);
}

void job_end(Job *j)
{
	g_autofree char *info = reply_info(j);

	if (j->cancelled) {
		if (!j->left)
			journal_forget(j->env->journal, j->seq);

		job_finish(j);
		return;
	}

	journal_end(j->env->journal, j->seq, succeeded(j), info);
	j->phase = JOB_ENDED;

	if (!j->seq || !journal_wait(j->env->journal, on_end_kept, j)) {
		on_end_kept(j);
		return;
	}

	/* The beginning of the next job goes to disk with this end, its first step after it. */
	report_over(j);
}

static bool parse_request(Job *j, GError **error)
{
	g_autoptr(GBytes) kept = g_steal_pointer(&j->document);
	g_autoptr(GBytes) document = j->packed ? deflate_unpack(kept) : g_bytes_ref(kept);
	const struct plan *p = j->context.plan;

	j->request = tmpl_request_parse(document, error);
	if (!j->request)
		return false;

	if (!p->reads_head_only && !tmpl_request_complete(j->request, error))
		return false;

	j->context.request = j->request;
	if (p->prefix)
		j->prefix = tmpl_request_text(j->request, p->prefix);
	else
		j->prefix = NULL;

	return request_check(&j->context, error);
}

/* Whether step S is simply run again. About an action of the hypervisor its host is asked first. */
static bool is_rerun(const struct step *s)
{
	if (s->kind == STEP_VMM)
		return false;

	return s->flags & (STEP_IDEMPOTENT | STEP_OPTIONAL);
}

/*
 * Continues a job of an earlier driver. If a step had begun, its host is asked what has become of
 * it. A step on the front-end is run again if that does no harm; otherwise it is undone.
 */
static void resume(Job *j)
{
	g_autofree char *why = NULL;
	const struct step *s;

	if (j->step >= j->plan->count) {
		job_advance(j);
		return;
	}

	s = job_current(j);
	if (j->info)
		job_take_id(j);
	if (j->stale) {
		job_resume_stale(j);
		return;
	}

	if (j->phase == JOB_UNDOING)
		job_fail(j, "the driver ended while %s was taken back", j->context.plan->action);

	oned_log(j->env->out, 'W', j->id, "%s: the driver ended while %s was running",
		 j->context.plan->action, s->name);
	why = g_strdup_printf("the driver ended while %s was running", s->name);

	if (!job_begin_step(j)) {
		job_end(j);
		return;
	}

	j->attempt.resumed = true;
	if (!j->commands || !j->commands->len || is_rerun(s)) {
		job_advance(j);
	} else {
		job_find_out(j, why, true);
	}
}

/*
 * The request is no longer complete: the local file of a DEPLOY is gone. An undo does not need that
 * file, so whatever had begun is undone.
 */
static void resume_incomplete(Job *j, const char *what)
{
	g_autofree char *why = NULL;

	if (j->stale) {
		job_stale_failed(j, FAILURE_UNKNOWN, what);
		return;
	}

	if (j->phase == JOB_UNDOING) {
		resume(j);
		return;
	}

	why = g_strdup_printf("the driver ended while it was running: %s", what);
	j->step_us = g_get_monotonic_time();
	job_command_failed(j, FAILURE_UNKNOWN, why);
}

void job_begun(Job *j)
{
	if (j->begun || j->background)
		return;

	j->begun = true;
	if (j->context.plan->voids_cleanups)
		j->events->begun(j->data, j);
}

static void start_left(Job *j)
{
	g_autoptr(GError) error = NULL;

	if (j->start == START_RESUMED)
		job_begun(j);

	/* DRIVER_CANCEL reached an earlier driver, whose processes have been ended by now. */
	if (j->cancelled) {
		job_end(j);
		return;
	}

	switch (j->start) {
	case START_ENDED:
		job_end(j);
		return;
	case START_NOT_BEGUN:
		job_fail(j, "not started: the driver was restarted");
		job_end(j);
		return;
	case START_RESUMED:
	case START_NEW:
		break;
	}

	if (!j->document) {
		job_fail(j, "outcome unknown: the driver ended while it was running, and the "
			  "journal has lost the request");
		job_end(j);
	} else if (parse_request(j, &error)) {
		resume(j);
	} else if (j->request && j->step < j->plan->count) {
		resume_incomplete(j, error->message);
	} else {
		job_fail(j, "outcome unknown: the driver ended while it was running: %s",
			  error->message);
		job_end(j);
	}
}

void job_start(Job *j, const struct job_events *events, void *data)
{
	g_autoptr(GError) error = NULL;

	j->events = events;
	j->data = data;

	if (j->start != START_NEW) {
		start_left(j);
		return;
	}

	if (parse_request(j, &error)) {
		job_advance(j);
		return;
	}

	job_fail(j, "%s", error->message);
	job_end(j);
}

void job_cancel(Job *j)
{
	if (j->cancelled)
		return;

	j->cancelled = true;
	if (!j->left)
		journal_cancel(j->env->journal, j->seq);
	if (j->run) {
		command_cancel(j->run);
		return;
	}

	if (j->phase == JOB_ENDED)
		return;

	local_slots_forget(j->env->places, j);
	if (j->keeping)
		journal_stop_waiting(j->env->journal, j);
	if (j->retry)
		g_source_remove(j->retry);

	j->keeping = false;
	j->retry = g_idle_add(job_on_retry, j);
}

void job_leave(Job *j)
{
	if (!j->cancelled)
		reply_at_end(j, "outcome unknown: the driver ended while it was running");

	j->left = !j->cancelled;
	job_cancel(j);
}
