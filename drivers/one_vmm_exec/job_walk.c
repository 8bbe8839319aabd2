/* SPDX-License-Identifier: Apache-2.0 */
#include "job_stale.h"

#include "base/text.h"
#include "journal/notes.h"
#include "request_check.h"
#include "wire/script_stderr.h"
#include "step_args.h"
#include "or_else.h"

enum { MAX_DEPLOY_ID = 256, RETRY_PAUSE_MS = 1000 };

void job_fail(Job *j, const char *format, ...)
{
	va_list ap;

	if (j->why)
		return;

	va_start(ap, format);
	j->why = g_strdup_vprintf(format, ap);
	va_end(ap);
}

void job_add_to_why(Job *j, const char *format, ...)
{
	g_autofree char *more = NULL;
	g_autofree char *old = j->why;
	va_list ap;

	va_start(ap, format);
	more = g_strdup_vprintf(format, ap);
	va_end(ap);
	j->why = g_strconcat(old, "; ", more, NULL);
}

const struct step *job_current(const Job *j)
{
	return &j->plan->steps[j->step];
}

static void on_log(void *data, char severity, const char *text)
{
	const Job *j = data;

	oned_log(j->env->out, severity, j->id, "%s", text);
}

static void log_step(const Job *j, const char *how)
{
	const struct step *s = job_current(j);
	g_autofree char *title = step_title(&j->context, s);
	bool here = s->kind == STEP_TM || s->kind == STEP_DS;
	double seconds = (double)(g_get_monotonic_time() - j->step_us) / G_USEC_PER_SEC;

	if (s->flags & STEP_IS_DIRECT)
		return;

	oned_log(j->env->out, 'I', j->id, "%s execute %s operation: %s. (%.3f s%s%s)", how,
		 plan_kind_name(s->kind), title, seconds, here ? "" : ", ",
		 here ? "" : step_host(&j->context, s));
}

void job_next_step(Job *j)
{
	g_clear_pointer(&j->commands, g_ptr_array_unref);
	j->step++;
}

/* Goes over to what undoes the current step, if anything does. False: nothing is left to do. */
static bool switch_to_undo(Job *j, enum failure failure)
{
	const struct step *s = job_current(j);
	const char *undo = j->unknown && s->undo_unknown ? s->undo_unknown : s->undo;

	g_clear_pointer(&j->commands, g_ptr_array_unref);
	if (!undo)
		return false;
	if (!*undo)
		return false;
	if (failure == FAILURE_UNTOUCHED && s->flags & STEP_FIRST_TO_UNDO)
		return false;

	j->plan = plan_find(undo);
	j->step = 0;
	j->phase = JOB_UNDOING;

	return true;
}

/* An optional step has failed: the steps before it are not undone. */
static void continue_after_failure(Job *j, const char *why)
{
	const struct step *s = job_current(j);
	g_autofree char *action = g_ascii_strdown(j->context.plan->action, -1);
	bool all = j->plan->steps[0].flags & STEP_OPTIONAL;

	oned_log(j->env->out, 'E', j->id,
		 all ? "%s: %s (the %s continues)" : "%s: %s (the %s itself was done)", s->name,
		 why, action);
	if (s->later && !j->attempt.had_failure) {
		const struct cleanup c = { s->later, j->id, j->request->document, G_MAXUINT, 0 };

		cleanup_retry_add(j->env->later, &c);
	}

	j->attempt.had_failure = true;
	j->command++;
}

/* The current step has failed because of WHY. False: the job has ended. */
static bool step_failed(Job *j, enum failure failure, const char *why)
{
	const struct step *s = job_current(j);

	if (s->flags & STEP_OPTIONAL) {
		continue_after_failure(j, why);
		return true;
	}

	log_step(j, "Failed to");
	if (j->phase == JOB_UNDOING) {
		job_add_to_why(j, "undoing it failed: %s: %s", s->name, why);
		if (s->kind == STEP_VMM)
			job_add_to_why(j, "the VM may be running on %s", step_host(&j->context, s));

		return false;
	}

	j->unknown = failure == FAILURE_UNKNOWN;
	job_fail(j, "%s%s", j->unknown ? "outcome unknown: " : "", why);

	return switch_to_undo(j, failure);
}

bool job_take_id(Job *j)
{
	const char *info = or_else(j->info, "");
	g_autofree char *line = g_strndup(info, strcspn(info, "\n"));
	g_autofree char *id = text_line(line, G_MAXSIZE);

	if (!*id)
		return false;
	if (strlen(id) > MAX_DEPLOY_ID)
		return false;

	g_free(j->context.deploy_info);
	j->context.deploy_info = g_steal_pointer(&id);

	return true;
}

/* False: the job has ended. */
static bool step_succeeded(Job *j)
{
	const struct step *s = job_current(j);
	g_autofree char *why = g_strdup_printf("%s printed no valid id", s->name);

	if (s->flags & STEP_REPLY_REQUIRED && !job_take_id(j))
		return step_failed(j, FAILURE_UNKNOWN, why);
	if (s->flags & STEP_REPLIES && !j->info)
		j->info = g_strdup("");
	if (s->flags & STEP_REPLIES && j->phase != JOB_UNDOING)
		journal_reply_info(j->env->journal, j->seq, j->info);

	log_step(j, j->attempt.had_failure ? "Failed to" : "Successfully");
	job_next_step(j);

	return true;
}

/* "bridge: cause: what the script said". The caller frees. */
static char *reason(const Job *j, const struct step_command *m, const struct step_result *r)
{
	size_t max = (size_t)conf_cfg_int(j->env->settings->cfg, "limits.info_bytes");
	g_autofree char *said = script_stderr_reason(r->err, j->id, max, on_log, (void *)j);
	g_autoptr(GString) text = g_string_new(NULL);

	if (m->label)
		g_string_append_printf(text, "%s: ", m->label);
	if (r->cause)
		g_string_append(text, r->cause);
	if (*said)
		g_string_append_printf(text, "%s%s", r->cause ? ": " : "", said);
	else if (!r->cause)
		g_string_append_printf(text, "%s failed with status %d", m->path, r->status);

	return g_strdup(text->str);
}

gboolean job_on_retry(gpointer data)
{
	Job *j = data;

	j->retry = 0;
	if (j->cancelled)
		job_end(j);
	else
		job_advance(j);

	return G_SOURCE_REMOVE;
}

static void log_command(const Job *j, const struct step_command *m, const struct step_result *r)
{
	g_autofree char *args = m->args && !m->shown ? g_strjoinv(" ", m->args) : NULL;
	const char *shown = or_else(m->shown, args);

	oned_log(j->env->out, 'I', j->id, "Command execution fail (exit code: %d): %s %s",
		 r->status, m->path, or_else(shown, ""));
}

/* From local_slots_leave() of another job. */
static void on_place(void *data)
{
	Job *j = data;

	j->placed = true;
	j->attempt.absent = false;	/* it may have waited for long */
	job_advance(j);
}

/* False: the command waits for a free slot on the front-end, and job_advance() follows. */
static bool take_place(Job *j, const struct step_command *m)
{
	if (m->spec.works_here && !j->placed)
		j->placed = local_slots_enter(j->env->places, on_place, j);

	if (j->placed)
		return true;

	return !m->spec.works_here;
}

void job_leave_place(Job *j)
{
	bool had = j->placed;

	j->placed = false;
	if (had)
		local_slots_leave(j->env->places);
}

static bool retries(Job *j, const struct step_result *r)
{
	if (!(job_current(j)->flags & STEP_IS_DIRECT))
		return false;
	if (r->outcome != STEP_OUTCOME_FAILED)
		return false;
	if (!j->retries || j->stale)
		return false;
	j->retries--;
	j->retry = g_timeout_add(RETRY_PAUSE_MS, job_on_retry, j);

	return true;
}

/*
 * Keeps a script's output as the reply's info; before the output of a network driver, the driver's
 * name.
 */
void job_keep_output(Job *j, const struct step_command *m, const char *out)
{
	g_autofree char *old = j->info;
	g_autofree char *text = g_strstrip(g_strdup(out));

	if (!(job_current(j)->flags & STEP_REPLIES) || j->phase == JOB_UNDOING)
		old = NULL;
	else if (m->label)
		j->info = g_strdup_printf("%s%s%s: %s", or_else(old, ""), old ? " " : "", m->label,
					  or_if_empty(text, "-"));
	else
		j->info = g_steal_pointer(&text);
}

void job_command_failed(Job *j, enum failure failure, const char *why)
{
	g_autofree char *text = g_strdup(why);

	job_forget_loss(j);
	job_leave_place(j);
	if (j->stale)
		job_stale_failed(j, failure, text);
	else if (step_failed(j, failure, text))
		job_advance(j);
	else
		job_end(j);
}

/* Whether something is, or may be, on the command's host that only that host can finish or undo. */
static bool must_reach_host(const Job *j)
{
	return j->attempt.repeated || j->attempt.resumed || j->phase == JOB_UNDOING;
}

/* The command was not begun, as its host is not reached. */
static bool waits_for_host(Job *j, const struct step_result *r)
{
	if (!must_reach_host(j))
		return false;
	if (!r->not_started)
		return false;
	if (r->status >= 0)
		return false;
	if (job_still_waits(j))
		job_pause_and(j, job_on_retry);
	else if (j->attempt.repeated)
		job_give_up(j);
	else
		return false;

	return true;
}

/*
 * Whether step S may change the VM's domain or networks; transfer steps work on its images alone.
 */
static bool changes_vm(const struct step *s)
{
	return s->kind == STEP_VMM || s->kind == STEP_VNM;
}

static void on_run(void *data, const struct step_result *r)
{
	Job *j = data;
	const struct step_command *m = g_ptr_array_index(j->commands, j->command);
	g_autofree char *why = reason(j, m, r);
	bool is_first;

	j->run = NULL;
	job_leave_place(j);
	if (!r->not_started && changes_vm(job_current(j)))
		job_begun(j);

	if (j->cancelled) {
		job_end(j);
		return;
	}

	if (r->outcome == STEP_OUTCOME_DONE) {
		job_forget_loss(j);
		job_keep_output(j, m, r->out);
		j->command++;
		job_advance(j);
		return;
	}

	log_command(j, m, r);
	if (retries(j, r))
		return;
	if (waits_for_host(j, r))
		return;

	j->attempt.said_unknown = r->status >= 0;
	if (r->outcome == STEP_OUTCOME_UNKNOWN) {
		job_find_out(j, why, !r->timed_out && r->status < 0);
		return;
	}

	is_first = !j->command && !j->attempt.repeated && !j->attempt.resumed;
	if (r->not_started && is_first)
		job_command_failed(j, FAILURE_UNTOUCHED, why);
	else
		job_command_failed(j, FAILURE_NOT_DONE, why);
}

/* False: the job has ended. */
bool job_begin_step(Job *j)
{
	const struct step *s = job_current(j);
	g_autoptr(GError) error = NULL;

	j->step_us = g_get_monotonic_time();
	j->command = 0;
	j->attempt = (struct attempt){ 0 };
	job_forget_loss(j);

	if (!step_applies(&j->context, s)) {
		job_next_step(j);
		return true;
	}

	journal_step(j->env->journal, job_row(j), j->plan->action, (guint)j->step);
	j->commands = step_commands(&j->context, s, &error);

	if (!j->commands) {
		j->commands = g_ptr_array_new();
		return step_failed(j, FAILURE_UNTOUCHED, error->message);
	}

	if (step_needs_files(&j->context, s))
		oned_log(j->env->out, 'I', j->id, "%s needs files of %s: it goes by relay or ssh",
			 s->name, step_host(&j->context, s));
	if (step_omits_document(&j->context, s))
		oned_log(j->env->out, 'W', j->id,
			 "%s: no command line can hold the document: the "
			 "script has it on its input alone",
			 s->name);

	return true;
}

static void on_step_kept(void *data)
{
	Job *j = data;

	j->keeping = false;
	job_advance(j);
}

/* Whether the step was asked for some time ago: what it removes may have been made since. */
static bool is_unasked(const Job *j)
{
	if (j->background || j->attempt.interrupted)
		return true;

	return j->phase == JOB_UNDOING || j->start == START_RESUMED;
}

/*
 * Whether the host must prove that the VM does not run there before the command removes something.
 * A proof is for the one command that begins at once.
 */
static bool needs_absence(const Job *j)
{
	if (job_current(j)->proof != PROOF_ABSENT)
		return false;

	return is_unasked(j) && !j->attempt.absent;
}

/* Runs the command that is due, once the journal has the step. */
static void run_command(Job *j)
{
	const struct step_command *m = g_ptr_array_index(j->commands, j->command);
	guint64 since;

	if (!j->attempt.noted) {
		j->attempt.noted = true;
		j->keeping = journal_wait(j->env->journal, on_step_kept, j);
		if (j->keeping)
			return;
	}

	if (!take_place(j, m))
		return;

	if (needs_absence(j)) {
		job_ask(j, QUESTION_ABSENT);
		return;
	}

	j->attempt.absent = false;
	j->ran = true;
	since = notes_ticks();
	j->run = command_start(j->env->hosts, &m->spec, on_run, j);
	if (command_pid(j->run))
		journal_process(j->env->journal, job_row(j), command_pid(j->run), since);
}

/* Adds to the reply what is known of a DEPLOY that may have succeeded and was undone. */
static void report_undone(Job *j)
{
	const char *host = j->request->host;

	if (!(j->context.plan->checks & CHECK_DEPLOYMENT))
		job_add_to_why(j, "it was undone");
	else if (j->host_answered)
		job_add_to_why(j, "it was undone: the VM does not run on %s", host);
	else
		job_add_to_why(j, "it was undone if %s made domain %s: its scripts cannot say "
			   "whether the VM runs there (hint: look there first)",
			   host, j->context.deployment_id);
}

/* Starts the command that is due; a step without one is done at once. */
void job_advance(Job *j)
{
	bool alive = true;

	while (alive && j->step < j->plan->count) {
		bool is_over = j->commands && j->command >= j->commands->len;

		if (is_over) {
			alive = step_succeeded(j);
			continue;
		}

		if (j->stale) {
			job_stop_stale(j);
			return;
		}

		if (j->commands) {
			run_command(j);
			return;
		}

		alive = job_begin_step(j);
	}

	if (alive && j->phase == JOB_UNDOING && j->unknown)
		report_undone(j);

	job_end(j);
}
