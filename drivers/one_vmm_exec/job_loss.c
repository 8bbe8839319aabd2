/* SPDX-License-Identifier: Apache-2.0 */
#include "job_stale.h"

#include "base/deadline.h"
#include "base/text.h"
#include "wire/script_stderr.h"

/* Between two questions to a host that does not answer. */
enum { FIRST_PAUSE_MS = 500, MAX_PAUSE_MS = 10000 };
enum { STATUS_USAGE = 2, STATUS_MISSING = 42 };
/* For a step without a time limit. */
enum { WAIT_S = 3600 };
/* For the libvirt of a host that answers; the second if the action itself has waited for it. */
enum { LIBVIRT_S = 60, LIBVIRT_AGAIN_S = 5 };

/* Forgets the loss of the last command: the next one may wait for its own host. */
void job_forget_loss(Job *j)
{
	g_clear_pointer(&j->lost, g_free);
	g_clear_pointer(&j->question, g_ptr_array_unref);
	j->wait_until_us = j->libvirt_until_us = 0;
	j->attempt.repeated = j->attempt.said_unknown = false;
}

static gint64 wait_of(const Job *j)
{
	const ConfCfg *cfg = j->env->settings->cfg;
	g_autofree char *key = plan_key(job_current(j), "wait_s");
	g_autofree char *limit = plan_key(job_current(j), "timeout_s");
	gint64 wait_s = conf_cfg_int(cfg, key);

	if (wait_s >= 0)
		return wait_s;

	wait_s = conf_cfg_int(cfg, limit);

	if (wait_s)
		return wait_s;

	return WAIT_S;
}

/* Whether to go on waiting for the step's host; the first call starts the time. */
bool job_still_waits(Job *j)
{
	enum step_kind kind = job_current(j)->kind;

	if (kind == STEP_TM || kind == STEP_DS)
		return false;		/* they run here */
	if (!j->wait_until_us) {
		if (j->stays_away)
			return false;

		j->wait_until_us = deadline_in_ms(wait_of(j) * 1000);
		j->pause_ms = FIRST_PAUSE_MS;
	}

	j->stays_away = deadline_passed(j->wait_until_us);

	return !j->stays_away;
}

void job_pause_and(Job *j, GSourceFunc then)
{
	j->retry = g_timeout_add(j->pause_ms, then, j);
	j->pause_ms = MIN(2 * j->pause_ms, MAX_PAUSE_MS);
}

static gboolean on_ask_again(gpointer data)
{
	Job *j = data;

	j->retry = 0;
	if (j->cancelled)
		job_end(j);
	else
		job_ask(j, j->asked);

	return G_SOURCE_REMOVE;
}

static void ask_later(Job *j)
{
	g_clear_pointer(&j->question, g_ptr_array_unref);
	job_pause_and(j, on_ask_again);
}

static bool may_rerun(const Job *j)
{
	return j->attempt.may_rerun && !j->stale;
}

/* Runs the step again: it is idempotent. */
static void rerun(Job *j)
{
	oned_log(j->env->out, 'W', j->id, "%s: %s: running it again",
		 job_current(j)->name, j->lost);
	j->attempt.repeated = j->attempt.interrupted = true;
	g_clear_pointer(&j->question, g_ptr_array_unref);
	step_command_set_age(g_ptr_array_index(j->commands, j->command), &j->context);
	job_advance(j);
}

void job_give_up(Job *j)
{
	job_command_failed(j, FAILURE_UNKNOWN, j->lost);
}

/* What `outcome` said, or why it said nothing. */
enum answer {
	ANSWER_DONE,		/* for QUESTION_ABSENT: the VM does not run there */
	ANSWER_NOT_DONE,
	ANSWER_REFUSED,		/* it was not done, and shall not be */
	ANSWER_FINISH,		/* it was done but for its end: running it again does that */
	ANSWER_REPEAT,		/* the host does not know: it may be run again */
	ANSWER_UNKNOWN,		/* the host does not know, and never will */
	ANSWER_LATER,		/* the host does not know yet */
	ANSWER_IN_PROGRESS,	/* libvirt is still at work on it there */
	ANSWER_NONE,		/* the host was not reached */
	ANSWER_NO_PROGRAM,	/* the host has not our programs */
};

static enum answer answer_of(const struct step_command *m, const struct step_result *r,
			     const char **ret_info)
{
	static const struct {
		const char *word;
		enum answer answer;
	} words[] = {
		{ "done", ANSWER_DONE }, { "not-done", ANSWER_NOT_DONE },
		{ "refused", ANSWER_REFUSED }, { "finish", ANSWER_FINISH },
		{ "repeat", ANSWER_REPEAT }, { "unknown", ANSWER_UNKNOWN },
		{ "later", ANSWER_LATER }, { "in-progress", ANSWER_IN_PROGRESS },
	};

	*ret_info = "";
	if (r->status == STATUS_MISSING)
		return ANSWER_NO_PROGRAM;
	if (m->spec.here && r->not_started)
		return ANSWER_NO_PROGRAM;
	if (r->status == STATUS_USAGE)
		return ANSWER_UNKNOWN;
	if (r->outcome != STEP_OUTCOME_DONE)
		return r->status < 0 ? ANSWER_NONE : ANSWER_LATER;

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		size_t len = strlen(words[i].word);

		if (strncmp(r->out, words[i].word, len) || !strchr(" \n", r->out[len]))
			continue;

		*ret_info = r->out + len + strspn(r->out + len, " ");
		return words[i].answer;
	}

	return ANSWER_UNKNOWN;
}

/* LINE: what the host says besides. */
static void fail_unknown(Job *j, const char *line)
{
	g_autofree char *why = NULL;

	if (!*line) {
		job_give_up(j);
		return;
	}

	why = g_strdup_printf("%s: %s", j->lost, line);
	job_command_failed(j, FAILURE_UNKNOWN, why);
}

static bool waits_for_libvirt(Job *j)
{
	gint64 limit_s = j->attempt.said_unknown ? LIBVIRT_AGAIN_S : LIBVIRT_S;

	if (!j->libvirt_until_us)
		j->libvirt_until_us = deadline_in_ms(limit_s * 1000);

	if (!job_still_waits(j))
		return false;

	return !deadline_passed(j->libvirt_until_us);
}

/* The command was done; LINE is what it would have printed. */
static void take_done(Job *j, const char *line)
{
	const struct step_command *m = g_ptr_array_index(j->commands, j->command);

	oned_log(j->env->out, 'W', j->id, "%s: %s: the host says that it was done",
		 job_current(j)->name, j->lost);
	job_forget_loss(j);
	job_keep_output(j, m, line);
	j->command++;
	if (j->stale)
		job_stale_done(j);
	else
		job_advance(j);
}

/* INFO: what the host said besides. */
static void take_outcome(Job *j, enum answer answer, const char *info)
{
	g_autofree char *line = text_line(info, G_MAXSIZE);
	g_autofree char *why = NULL;

	switch (answer) {
	case ANSWER_DONE:
		take_done(j, line);
		return;
	case ANSWER_NOT_DONE:
	case ANSWER_REFUSED:
		if (answer == ANSWER_NOT_DONE && may_rerun(j)) {
			rerun(j);
			return;
		}

		why = g_strdup_printf("%s: it was not done%s%s", j->lost, *line ? ": " : "", line);
		job_command_failed(j, FAILURE_NOT_DONE, why);
		return;
	case ANSWER_LATER:
		if (waits_for_libvirt(j))
			ask_later(j);
		else
			fail_unknown(j, line);

		return;
	case ANSWER_IN_PROGRESS:
	case ANSWER_NONE:
		if (job_still_waits(j))
			ask_later(j);
		else
			fail_unknown(j, line);

		return;
	case ANSWER_FINISH:
		if (j->attempt.repeated || j->stale)
			fail_unknown(j, line);
		else
			rerun(j);

		return;
	case ANSWER_REPEAT:
	case ANSWER_NO_PROGRAM:
		if (may_rerun(j))
			rerun(j);
		else
			job_give_up(j);

		return;
	case ANSWER_UNKNOWN:
		break;
	}

	fail_unknown(j, line);
}

static void leave_alone(const Job *j)
{
	const struct step *s = job_current(j);

	oned_log(j->env->out, 'W', j->id,
		 "%s: the VM runs on %s: what belongs to it there is left "
		 "alone",
		 s->name, step_host(&j->context, s));
}

/* A clean-up does not wait for its host: it is retried later anyway. */
static bool asks_for_absence_again(Job *j, enum answer answer)
{
	if (j->background)
		return false;

	return answer == ANSWER_LATER ? waits_for_libvirt(j) : job_still_waits(j);
}

/*
 * Continues with the host's answer: what belongs to the VM is removed there only if the VM is
 * absent.
 */
static void take_absence(Job *j, enum answer answer)
{
	g_clear_pointer(&j->question, g_ptr_array_unref);
	j->attempt.absent = answer == ANSWER_DONE || answer == ANSWER_NO_PROGRAM;
	if (!j->attempt.absent)
		job_leave_place(j);

	switch (answer) {
	case ANSWER_DONE:
	case ANSWER_NO_PROGRAM:
		job_advance(j);
		return;
	case ANSWER_NOT_DONE:
	case ANSWER_REFUSED:
		leave_alone(j);
		job_next_step(j);
		job_advance(j);
		return;
	case ANSWER_LATER:
	case ANSWER_IN_PROGRESS:
	case ANSWER_NONE:
		if (asks_for_absence_again(j, answer)) {
			ask_later(j);
			return;
		}

		break;
	case ANSWER_FINISH:
	case ANSWER_REPEAT:
	case ANSWER_UNKNOWN:
		break;
	}

	job_command_failed(j, FAILURE_NOT_DONE,
			   "the host does not say whether the VM runs there: nothing was removed");
}

static void log_nothing(void *data G_GNUC_UNUSED, char severity G_GNUC_UNUSED,
			const char *text G_GNUC_UNUSED)
{
}

/* Why the host does not know: libvirt is not running, or an action still works on the VM. */
static char *why_later(const Job *j, const struct step_result *r)
{
	size_t max = (size_t)conf_cfg_int(j->env->settings->cfg, "limits.info_bytes");

	return script_stderr_reason(r->err, j->id, max, log_nothing, NULL);
}

static void on_answer(void *data, const struct step_result *r)
{
	Job *j = data;
	g_autofree char *why = why_later(j, r);
	const char *info;
	enum answer answer = answer_of(g_ptr_array_index(j->question, 0), r, &info);

	j->run = NULL;
	if (j->cancelled) {
		job_leave_place(j);
		job_end(j);
		return;
	}

	j->host_answered |= answer < ANSWER_LATER;
	if (j->asked == QUESTION_ABSENT)
		take_absence(j, answer);
	else
		take_outcome(j, answer, answer == ANSWER_LATER && !*info ? why : info);
}

void job_ask(Job *j, enum question what)
{
	g_autoptr(GError) error = NULL;
	const struct step_command *m;

	j->asked = what;
	j->question = step_question(&j->context, job_current(j), what, &error);

	if (!j->question) {
		job_command_failed(j, FAILURE_UNKNOWN, error->message);
		return;
	}

	m = g_ptr_array_index(j->question, 0);
	j->run = command_start(j->env->hosts, &m->spec, on_answer, j);
}

/*
 * Asks the step's host, and waits for it if need be. A step that leaves no trace on its host is run
 * again if that does no harm.
 */
void job_find_out(Job *j, const char *why, bool is_repeatable)
{
	unsigned flags = job_current(j)->flags;

	g_free(j->lost);
	j->lost = g_strdup(why);
	j->attempt.may_rerun = is_repeatable && flags & STEP_IDEMPOTENT && !j->attempt.repeated;
	job_still_waits(j);
	if (job_current(j)->kind == STEP_VMM && !(flags & STEP_NO_TRACE))
		job_ask(j, QUESTION_OUTCOME);
	else if (may_rerun(j))
		rerun(j);
	else
		job_give_up(j);
}
