#include "job.h"

#include "base/text.h"
#include "check.h"
#include "wire/output.h"
#include "wire/pack.h"
#include "words.h"

enum { MAX_DEPLOY_ID = 256, RETRY_PAUSE_MS = 1000 };

struct job {
	const struct job_env *env;
	gint64 id;
	char *host;
	GBytes *document;		/* until it starts */
	bool packed;			/* and deflated */
	job_done *done;
	void *data;

	const struct plan *plan;
	struct step_context context;
	TmplRequest *request;
	size_t step;			/* of the plan */
	GPtrArray *commands;		/* of the step; NULL between steps */
	guint command;			/* of the commands */
	gint64 asked_us;		/* when it came */
	gint64 step_us;			/* when the step began */
	Run *run;			/* the command that runs */
	bool placed;			/* it works here, and has a place for that */
	guint retry;			/* source id of one that will run again */
	unsigned retries;		/* left */
	unsigned tries;			/* left, of one that is silent */
	guint64 seq;			/* in the journal */
	bool undoing, cancelled, silent;
	bool resumed;
	bool partly;			/* a command of this step failed, and the step goes on */
	bool repeated;			/* it is run again, as nobody knew whether it was done */
	bool unknown;			/* nobody knows whether it was done */
	char *why;			/* the first failure; NULL: success so far */
	char *info;			/* of the reply to a success */
	char *prefix;			/* of any reply, or NULL */
};

static void advance(Job *j);

Job *job_new(const struct job_env *env, const struct plan *plan, gint64 id, const char *host,
	     GBytes *document, bool pack)
{
	Job *j = g_new0(Job, 1);

	j->env = env;
	j->asked_us = g_get_monotonic_time();
	j->plan = plan;
	j->id = id;
	j->host = g_strdup(host);
	j->document = pack ? wire_pack(document) : g_bytes_ref(document);
	j->packed = pack;
	j->retries = env->settings->options.retries;
	j->context = (struct step_context){
		.settings = env->settings, .plan = plan, .id = id,
	};
	return j;
}

void job_set_seq(Job *j, guint64 seq)
{
	j->seq = seq;
}

void job_set_resumed(Job *j, const struct plan *at, guint step, const char *told)
{
	j->resumed = true;
	j->undoing = at != j->plan;
	j->plan = at;
	j->step = step;
	j->info = g_strdup(told);
}

void job_free(Job *j)
{
	if (j->retry)
		g_source_remove(j->retry);
	step_context_clear(&j->context);
	g_clear_pointer(&j->request, tmpl_request_free);
	g_clear_pointer(&j->commands, g_ptr_array_unref);
	g_clear_pointer(&j->document, g_bytes_unref);
	g_free(j->host);
	g_free(j->why);
	g_free(j->info);
	g_free(j->prefix);
	g_free(j);
}

void job_drop(Job *j)
{
	journal_end(j->env->journal, j->seq, "dropped");
	job_free(j);
}

void job_set_silent(Job *j, unsigned tries)
{
	j->silent = true;
	j->tries = tries;
}

gsize job_size(const Job *j)
{
	return g_bytes_get_size(j->document);
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

static void reply(const Job *j)
{
	const char *info = j->why ? j->why : j->info;
	g_autofree char *text = j->prefix ? g_strdup_printf("%s %s", j->prefix, info ? info : "") :
				g_strdup(info);

	if (!j->silent)
		metrics_action(j->env->metrics, j->context.plan->action, !j->why, j->why,
			       (double)(g_get_monotonic_time() - j->asked_us) / G_USEC_PER_SEC);
	if (!j->silent)
		out_reply(j->env->out, j->context.plan->action, !j->why, j->id, text);
	else if (j->why)
		out_log(j->env->out, 'E', j->id, "%s, tried again: %s (%u tries are left)",
			j->context.plan->action, j->why, j->tries);
	else
		out_log(j->env->out, 'I', j->id, "%s, tried again: done", j->context.plan->action);
	if (j->silent && j->why && j->request)
		later_add(j->env->later, j->context.plan->action, j->id, j->request->document,
			  j->tries);
}

static void end(Job *j)
{
	if (!j->cancelled)
		reply(j);
	journal_end(j->env->journal, j->seq, j->cancelled ? "cancelled" : j->why ? "failed" :
		    "done");
	j->done(j->data, j);
	job_free(j);
}

static void fail_once(Job *j, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void fail_once(Job *j, const char *format, ...)
{
	va_list ap;

	if (j->why)
		return;
	va_start(ap, format);
	j->why = g_strdup_vprintf(format, ap);
	va_end(ap);
}

static void add_to_why(Job *j, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void add_to_why(Job *j, const char *format, ...)
{
	g_autofree char *more = NULL;
	g_autofree char *old = j->why;
	va_list ap;

	va_start(ap, format);
	more = g_strdup_vprintf(format, ap);
	va_end(ap);
	j->why = g_strconcat(old, "; ", more, NULL);
}

static const struct step *current(const Job *j)
{
	return &j->plan->steps[j->step];
}

static void on_log(void *data, char severity, const char *text)
{
	const Job *j = data;

	out_log(j->env->out, severity, j->id, "%s", text);
}

static void log_step(const Job *j, const char *how)
{
	const struct step *s = current(j);
	g_autofree char *title = step_title(&j->context, s);
	bool here = s->kind == STEP_TM || s->kind == STEP_DS;
	double seconds = (double)(g_get_monotonic_time() - j->step_us) / G_USEC_PER_SEC;

	if (s->flags & STEP_IS_DIRECT)
		return;
	out_log(j->env->out, 'I', j->id, "%s execute %s operation: %s. (%.3f s%s%s)", how,
		plan_kind_name(s->kind), title, seconds, here ? "" : ", ",
		here ? "" : step_host(&j->context, s));
}

static void next_step(Job *j)
{
	g_clear_pointer(&j->commands, g_ptr_array_unref);
	j->step++;
}

/* Goes over to what undoes the current step, if anything does. False: nothing is left to do. */
static bool unwind(Job *j, bool untouched)
{
	const struct step *s = current(j);
	const char *undo = j->unknown && s->undo_unknown ? s->undo_unknown : s->undo;

	g_clear_pointer(&j->commands, g_ptr_array_unref);
	if (!undo || !*undo || (untouched && s->flags & STEP_OPENS))
		return false;
	j->plan = plan_find(undo);
	j->step = 0;
	j->undoing = true;
	return true;
}

/* A step that may fail has failed: what was done before it stays done. */
static void go_on(Job *j, const char *why)
{
	const struct step *s = current(j);
	g_autofree char *action = g_ascii_strdown(j->context.plan->action, -1);
	bool all = j->plan->steps[0].flags & STEP_GOES_ON;

	out_log(j->env->out, 'E', j->id, all ? "%s: %s (the %s goes on)" :
		"%s: %s (the %s itself was done)", s->name, why, action);
	if (s->later && !j->partly)
		later_add(j->env->later, s->later, j->id, j->request->document, G_MAXUINT);
	j->partly = true;
	j->command++;
}

/* The current step has failed because of WHY. False: the job has ended. */
static bool step_failed(Job *j, const char *why, bool unknown, bool untouched)
{
	const struct step *s = current(j);

	if (s->flags & STEP_GOES_ON) {
		go_on(j, why);
		return true;
	}
	log_step(j, "Failed to");
	if (j->undoing) {
		add_to_why(j, "undoing it failed: %s: %s", s->name, why);
		if (s->kind == STEP_VMM)
			add_to_why(j, "the VM may be running on %s", step_host(&j->context, s));
		return false;
	}
	j->unknown = unknown;
	fail_once(j, "%s%s", unknown ? "outcome unknown: " : "", why);
	return unwind(j, untouched);
}

/*
 * What deploy printed is the name under which the VM is known from now on, what
 * snapshot_create printed that of the snapshot. Without a usable one nobody could reach it.
 */
static bool take_told(Job *j)
{
	const char *info = j->info ? j->info : "";
	g_autofree char *line = g_strndup(info, strcspn(info, "\n"));
	g_autofree char *id = text_line(line, G_MAXSIZE);

	if (!*id || strlen(id) > MAX_DEPLOY_ID)
		return false;
	g_free(j->context.deploy_info);
	j->context.deploy_info = g_steal_pointer(&id);
	return true;
}

/* False: the job has ended. */
static bool step_succeeded(Job *j)
{
	const struct step *s = current(j);
	g_autofree char *why = g_strdup_printf("%s printed no usable id", s->name);

	if (s->flags & STEP_MUST_TELL && !take_told(j))
		return step_failed(j, why, true, false);
	if (s->flags & STEP_TELLS && !j->info)
		j->info = g_strdup("");
	if (s->flags & STEP_TELLS && !j->undoing)
		journal_told(j->env->journal, j->seq, j->info);
	log_step(j, j->partly ? "Failed to" : "Successfully");
	next_step(j);
	return true;
}

/* "bridge: cause: what the script said". The caller frees. */
static char *reason(const Job *j, const struct command *m, const struct run_result *r)
{
	size_t max = (size_t)conf_cfg_int(j->env->settings->cfg, "limits.info_bytes");
	g_autofree char *said = wire_output_reason(r->err, j->id, max, on_log, (void *)j);
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

static gboolean on_retry(gpointer data)
{
	Job *j = data;

	j->retry = 0;
	if (j->cancelled)
		end(j);
	else
		advance(j);
	return G_SOURCE_REMOVE;
}

static void log_command(const Job *j, const struct command *m, const struct run_result *r)
{
	g_autofree char *args = m->args && !m->shown ? g_strjoinv(" ", m->args) : NULL;
	const char *shown = m->shown ? m->shown : args;

	out_log(j->env->out, 'I', j->id, "Command execution fail (exit code: %d): %s %s",
		r->status, m->path, shown ? shown : "");
}

/* From places_leave() of another job. */
static void on_place(void *data)
{
	Job *j = data;

	j->placed = true;
	advance(j);
}

/* False: the command waits for a place here, and advance() follows. */
static bool take_place(Job *j, const struct command *m)
{
	if (m->spec.works_here && !j->placed)
		j->placed = places_enter(j->env->places, on_place, j);
	return j->placed || !m->spec.works_here;
}

static void leave_place(Job *j)
{
	bool had = j->placed;

	j->placed = false;
	if (had)
		places_leave(j->env->places);
}

static bool retries(Job *j, const struct run_result *r)
{
	if (!(current(j)->flags & STEP_IS_DIRECT) || r->outcome != RUN_FAILED || !j->retries)
		return false;
	j->retries--;
	j->retry = g_timeout_add(RETRY_PAUSE_MS, on_retry, j);
	return true;
}

/* What tells the reply: a script's output, of network drivers each with its name. */
static void keep_output(Job *j, const struct command *m, const char *out)
{
	g_autofree char *old = j->info;
	g_autofree char *text = g_strstrip(g_strdup(out));

	if (!(current(j)->flags & STEP_TELLS) || j->undoing)
		old = NULL;
	else if (m->label)
		j->info = g_strdup_printf("%s%s%s: %s", old ? old : "", old ? " " : "", m->label,
					  *text ? text : "-");
	else
		j->info = g_steal_pointer(&text);
}

/* Whether it shall be run again to make sure of it: not when it was late, or says so itself. */
static bool repeats(Job *j, const struct run_result *r)
{
	if (r->outcome != RUN_UNKNOWN || r->timed_out || r->status >= 0 || j->repeated ||
	    !(current(j)->flags & STEP_REPEATS))
		return false;
	j->repeated = true;
	out_log(j->env->out, 'W', j->id, "%s: nobody knows whether it was done: it is run again",
		current(j)->name);
	return true;
}

static void command_failed(Job *j, const struct run_result *r, const char *why)
{
	bool untouched = r->not_started && !j->command && !j->repeated;

	if (step_failed(j, why, r->outcome == RUN_UNKNOWN, untouched))
		advance(j);
	else
		end(j);
}

static void on_run(void *data, const struct run_result *r)
{
	Job *j = data;
	const struct command *m = g_ptr_array_index(j->commands, j->command);
	g_autofree char *why = reason(j, m, r);

	j->run = NULL;
	leave_place(j);
	if (j->cancelled) {
		end(j);
		return;
	}
	if (r->outcome == RUN_DONE) {
		keep_output(j, m, r->out);
		j->command++;
		advance(j);
		return;
	}
	log_command(j, m, r);
	if (retries(j, r))
		return;
	if (repeats(j, r))
		advance(j);
	else
		command_failed(j, r, why);
}

/* False: the job has ended. */
static bool begin_step(Job *j)
{
	const struct step *s = current(j);
	g_autoptr(GError) error = NULL;

	j->step_us = g_get_monotonic_time();
	j->command = 0;
	journal_step(j->env->journal, j->seq, j->plan->action, (guint)j->step);
	j->partly = j->repeated = false;
	if (!step_applies(&j->context, s)) {
		next_step(j);
		return true;
	}
	j->commands = step_commands(&j->context, s, &error);
	if (!j->commands) {
		j->commands = g_ptr_array_new();
		return step_failed(j, error->message, false, true);
	}
	if (step_needs_files(&j->context, s))
		out_log(j->env->out, 'I', j->id, "%s needs files of %s: it goes by relay or ssh",
			s->name, step_host(&j->context, s));
	if (step_omits_document(&j->context, s))
		out_log(j->env->out, 'W', j->id, "%s: no command line can hold the document: the "
			"script has it on its input alone", s->name);
	return true;
}

/* Starts the command that is due; a step without one is done at once. */
static void advance(Job *j)
{
	bool alive = true;

	while (alive && j->step < j->plan->count) {
		if (!j->commands) {
			alive = begin_step(j);
		} else if (j->command < j->commands->len) {
			const struct command *m = g_ptr_array_index(j->commands, j->command);

			if (!take_place(j, m))
				return;
			j->run = run_start(j->env->hosts, &m->spec, on_run, j);
			if (run_pid(j->run))
				journal_pid(j->env->journal, j->seq, run_pid(j->run));
			return;
		} else {
			alive = step_succeeded(j);
		}
	}
	if (alive && j->undoing && j->unknown)
		add_to_why(j, "it was undone%s%s", j->context.plan->checks & CHECK_DEPLOYMENT ?
			   ": the VM does not run on " : "",
			   j->context.plan->checks & CHECK_DEPLOYMENT ? j->request->host : "");
	end(j);
}

static bool prepare(Job *j, GError **error)
{
	g_autoptr(GBytes) kept = g_steal_pointer(&j->document);
	g_autoptr(GBytes) document = j->packed ? wire_unpack(kept) : g_bytes_ref(kept);
	const struct plan *p = j->context.plan;

	j->request = tmpl_request_parse(document, error);
	if (!j->request)
		return false;
	j->context.request = j->request;
	j->prefix = p->prefix ? tmpl_request_text(j->request, p->prefix) : NULL;
	return check_request(&j->context, error);
}

/*
 * A step that does the same when it is run twice is run again; of another nobody knows
 * what has become, and it is taken back. False: the job has ended.
 */
static bool resume(Job *j)
{
	const struct step *s;

	if (j->step >= j->plan->count)
		return true;
	s = current(j);
	if (j->info)
		take_told(j);
	if (j->undoing) {
		fail_once(j, "the driver ended while %s was taken back",
			  j->context.plan->action);
		return true;
	}
	out_log(j->env->out, 'W', j->id, "%s: the driver ended while %s was at work",
		j->context.plan->action, s->name);
	if (s->flags & (STEP_REPEATS | STEP_GOES_ON))
		return true;
	j->unknown = true;
	fail_once(j, "outcome unknown: the driver ended while %s was at work", s->name);
	return unwind(j, false);
}

void job_start(Job *j, job_done *done, void *data)
{
	g_autoptr(GError) error = NULL;

	j->done = done;
	j->data = data;
	if (prepare(j, &error)) {
		if (!j->resumed || resume(j))
			advance(j);
		else
			end(j);
		return;
	}
	fail_once(j, "%s", error->message);
	end(j);
}

void job_cancel(Job *j)
{
	if (j->cancelled)
		return;
	j->cancelled = true;
	if (j->run) {
		run_cancel(j->run);
	} else if (places_forget(j->env->places, j)) {
		j->retry = g_idle_add(on_retry, j);
	} else if (j->retry) {
		g_source_remove(j->retry);
		j->retry = g_idle_add(on_retry, j);
	}
}
