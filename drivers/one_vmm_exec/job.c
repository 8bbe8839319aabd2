#include "job.h"

#include "base/file.h"
#include "base/text.h"
#include "step.h"
#include "wire/output.h"
#include "wire/pack.h"
#include "wire/ssh.h"

enum { MAX_DEPLOY_ID = 256, RETRY_PAUSE_MS = 1000, MAX_DEPLOYMENT = 64 << 20 };

struct job {
	const struct job_env *env;
	gint64 id;
	char *lane;
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
	gint64 step_us;			/* when the step began */
	Run *run;			/* the command that runs */
	guint retry;			/* source id of one that will run again */
	unsigned retries;		/* left */
	bool undoing, cancelled;
	bool partly;			/* a command of this step failed, and the step goes on */
	bool unknown;			/* nobody knows whether it was done */
	char *why;			/* the first failure; NULL: success so far */
	char *info;			/* of the reply to a success */
};

static void advance(Job *j);

Job *job_new(const struct job_env *env, const struct plan *plan, gint64 id, const char *lane,
	     GBytes *document, bool pack)
{
	Job *j = g_new0(Job, 1);

	j->env = env;
	j->plan = plan;
	j->id = id;
	j->lane = g_strdup(lane);
	j->document = pack ? wire_pack(document) : g_bytes_ref(document);
	j->packed = pack;
	j->retries = env->settings->options.retries;
	j->context = (struct step_context){
		.settings = env->settings, .action = plan->action, .id = id,
	};
	return j;
}

void job_free(Job *j)
{
	if (j->retry)
		g_source_remove(j->retry);
	step_context_clear(&j->context);
	g_clear_pointer(&j->request, tmpl_request_free);
	g_clear_pointer(&j->commands, g_ptr_array_unref);
	g_clear_pointer(&j->document, g_bytes_unref);
	g_free(j->lane);
	g_free(j->why);
	g_free(j->info);
	g_free(j);
}

gint64 job_id(const Job *j)
{
	return j->id;
}

const char *job_lane(const Job *j)
{
	return j->lane;
}

static void end(Job *j)
{
	if (!j->cancelled)
		out_reply(j->env->out, j->context.action, !j->why, j->id,
			  j->why ? j->why : j->info);
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
	double seconds = (double)(g_get_monotonic_time() - j->step_us) / G_USEC_PER_SEC;

	if (s->flags & STEP_IS_QUIET)
		return;
	out_log(j->env->out, 'I', j->id, "%s execute %s operation: %s. (%.3f s)", how,
		plan_kind_name(s->kind), title, seconds);
}

static void next_step(Job *j)
{
	g_clear_pointer(&j->commands, g_ptr_array_unref);
	j->step++;
}

/* Goes over to what undoes the current step, if anything does. False: nothing is left to do. */
static bool unwind(Job *j)
{
	const struct step *s = current(j);
	const char *undo = j->unknown && s->undo_unknown ? s->undo_unknown : s->undo;

	g_clear_pointer(&j->commands, g_ptr_array_unref);
	if (!undo)
		return false;
	j->plan = plan_find(undo);
	j->step = 0;
	j->undoing = true;
	return true;
}

/* The current step has failed because of WHY. False: the job has ended. */
static bool step_failed(Job *j, const char *why, bool unknown)
{
	const struct step *s = current(j);

	if (s->flags & STEP_GOES_ON) {
		out_log(j->env->out, 'E', j->id, "%s: %s (the %s itself was done)", s->name, why,
			j->plan->steps[0].name);
		j->partly = true;
		j->command++;
		return true;
	}
	log_step(j, "Failed to");
	if (j->undoing) {
		add_to_why(j, "undoing it failed: %s: %s", s->name, why);
		if (s->kind == STEP_VMM)
			add_to_why(j, "the VM may be running on %s", j->request->host);
		return false;
	}
	j->unknown = unknown;
	fail_once(j, "%s%s", unknown ? "outcome unknown: " : "", why);
	return unwind(j);
}

/*
 * What deploy printed is the name under which the VM is known from now on.
 * Without a usable one nobody could reach it: the deploy is taken back.
 */
static bool take_deploy_info(Job *j)
{
	const char *end_of_line = strchr(j->info, '\n');
	g_autofree char *line = end_of_line ? g_strndup(j->info, (gsize)(end_of_line - j->info)) :
				g_strdup(j->info);
	g_autofree char *id = text_line(line, G_MAXSIZE);

	if (!*id || strlen(id) > MAX_DEPLOY_ID)
		return false;
	j->context.deploy_info = g_steal_pointer(&id);
	return true;
}

/* False: the job has ended. */
static bool step_succeeded(Job *j)
{
	const struct step *s = current(j);

	if (s->kind == STEP_VMM && g_str_equal(s->name, "deploy") && !take_deploy_info(j))
		return step_failed(j, "deploy printed no usable id", true);
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
	g_autofree char *args = m->args ? g_strjoinv(" ", m->args) : g_strdup("");

	out_log(j->env->out, 'I', j->id, "Command execution fail (exit code: %d): %s %s",
		r->status, m->path, args);
}

static bool retries(Job *j, const struct run_result *r)
{
	if (!(current(j)->flags & STEP_IS_QUIET) || r->outcome != RUN_FAILED || !j->retries)
		return false;
	j->retries--;
	j->retry = g_timeout_add(RETRY_PAUSE_MS, on_retry, j);
	return true;
}

/* The reply's info is the output of the step that is called as the action. */
static void keep_output(Job *j, const char *out)
{
	const struct step *s = current(j);

	if (s->kind != STEP_VMM || j->undoing || g_ascii_strcasecmp(s->name, j->context.action))
		return;
	g_free(j->info);
	j->info = g_strstrip(g_strdup(out));
}

static void on_run(void *data, const struct run_result *r)
{
	Job *j = data;
	const struct command *m = g_ptr_array_index(j->commands, j->command);
	g_autofree char *why = reason(j, m, r);

	j->run = NULL;
	if (j->cancelled) {
		end(j);
		return;
	}
	if (r->outcome != RUN_DONE) {
		log_command(j, m, r);
		if (retries(j, r))
			return;
		if (!step_failed(j, why, r->outcome == RUN_UNKNOWN))
			end(j);
		else
			advance(j);
		return;
	}
	keep_output(j, r->out);
	j->command++;
	advance(j);
}

/* False: the job has ended. */
static bool begin_step(Job *j)
{
	const struct step *s = current(j);
	g_autoptr(GError) error = NULL;

	j->step_us = g_get_monotonic_time();
	j->command = 0;
	j->partly = false;
	j->commands = step_commands(&j->context, s, &error);
	if (!j->commands) {
		j->commands = g_ptr_array_new();
		return step_failed(j, error->message, false);
	}
	if (!j->commands->len && s->kind == STEP_TM)
		next_step(j);
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

			j->run = run_start(j->env->hosts, &m->spec, on_run, j);
			return;
		} else {
			alive = step_succeeded(j);
		}
	}
	if (alive && j->undoing && j->unknown)
		add_to_why(j, "it was undone: the VM does not run on %s", j->request->host);
	end(j);
}

static bool read_deployment(Job *j, GError **error)
{
	const char *path = j->request->local_file ? j->request->local_file : "";
	g_autoptr(GError) cause = NULL;
	GString *text = file_read(path, MAX_DEPLOYMENT, &cause);

	if (text && text->len) {
		j->context.deployment = g_string_free_to_bytes(text);
		return true;
	}
	if (text)
		g_string_free(text, TRUE);
	return vmm_fail(error, VMM_ERROR_INPUT, "Cannot open deployment file %s: %s", path,
			cause ? cause->message : "it is empty");
}

/* Everything that can be known to be wrong before anything is run. */
static bool prepare(Job *j, GError **error)
{
	g_autoptr(GBytes) kept = g_steal_pointer(&j->document);
	g_autoptr(GBytes) document = j->packed ? wire_unpack(kept) : g_bytes_ref(kept);

	j->request = tmpl_request_parse(document, error);
	if (!j->request || !wire_ssh_check_host(j->request->host, error))
		return false;
	j->context.request = j->request;
	return !g_str_equal(j->context.action, "DEPLOY") || read_deployment(j, error);
}

void job_start(Job *j, job_done *done, void *data)
{
	g_autoptr(GError) error = NULL;

	j->done = done;
	j->data = data;
	if (prepare(j, &error)) {
		advance(j);
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
	} else if (j->retry) {
		g_source_remove(j->retry);
		j->retry = g_idle_add(on_retry, j);
	}
}
