/* SPDX-License-Identifier: Apache-2.0 */
#include "job_stale.h"

static bool may_ask(const Job *j)
{
	const struct step *s = job_current(j);

	if (j->phase == JOB_UNDOING || s->kind != STEP_VMM)
		return false;

	return !(s->flags & STEP_NO_TRACE);
}

/*
 * The first step from FROM on that the action cannot do without; NULL: there is none. Of an action
 * whose steps are all optional, none is less needed than another.
 */
static const struct step *needed_step(const Job *j, size_t from)
{
	const struct plan *plan = j->plan;
	bool all = plan->steps[0].flags & STEP_OPTIONAL;

	for (size_t i = from; i < plan->count; i++) {
		const struct step *s = &plan->steps[i];
		bool is_needed = all || !(s->flags & STEP_OPTIONAL);

		if (is_needed && step_applies(&j->context, s))
			return s;
	}

	return NULL;
}

/* The action itself was done, and its reply's info is known. */
static bool was_done(const Job *j)
{
	return j->phase == JOB_RUNNING && !needed_step(j, j->step);
}

void job_resume_stale(Job *j)
{
	const char *action = j->context.plan->action;
	g_autofree char *why = g_strdup_printf("no driver was running for long (journal.resume_s) "
					       "while %s was in progress, step %s",
					       action, job_current(j)->name);

	oned_log(j->env->out, 'W', j->id, "%s: %s: it is not continued", action, why);
	if (was_done(j)) {
		job_end(j);
		return;
	}

	if (!may_ask(j)) {
		job_stale_failed(j, FAILURE_UNKNOWN, why);
		return;
	}

	if (!job_begin_step(j)) {
		job_end(j);
		return;
	}

	j->attempt.resumed = true;
	if (j->commands && j->commands->len)
		job_find_out(j, why, false);
	else
		job_stale_failed(j, FAILURE_UNKNOWN, why);
}

/* What was wanted of the plan is done, and the reply is known; or why it is not, and never is. */
static void say_stopped(Job *j)
{
	const struct step *needed = needed_step(j, j->step);
	const char *action = j->context.plan->action;

	if (!needed)
		return;

	if (!j->ran && j->start == START_NEW)
		job_fail(j, "not started: no driver was running for long (journal.resume_s)");
	else if (j->phase == JOB_UNDOING)
		job_add_to_why(j, "undoing it was given up at %s, as no driver was running for "
			       "long (journal.resume_s) (hint: look at the VM)", needed->name);
	else
		job_fail(j, "outcome unknown: %s was in progress, and %s is not begun, as no "
			 "driver was running for long (journal.resume_s): nothing is undone "
			 "(hint: look at the VM)", action, needed->name);
}

void job_stop_stale(Job *j)
{
	job_leave_place(j);
	say_stopped(j);
	job_end(j);
}

void job_stale_done(Job *j)
{
	const struct step *needed = needed_step(j, j->step + 1);

	if (job_current(j)->flags & STEP_REPLY_REQUIRED && !job_take_id(j))
		job_fail(j, "outcome unknown: %s printed no valid id", job_current(j)->name);
	else if (needed)
		job_fail(j,
			 "outcome unknown: %s was done, %s was not, as no driver was running for "
			 "long (journal.resume_s) (hint: look at the VM)",
			 job_current(j)->name, needed->name);

	job_end(j);
}

/* This driver has run what it would undo now. */
static bool leaves_something(const Job *j)
{
	const char *undo = job_current(j)->undo;

	return j->ran && undo && *undo;
}

void job_stale_failed(Job *j, enum failure failure, const char *why)
{
	if (j->ran && was_done(j)) {
		job_end(j);
		return;
	}

	if (failure == FAILURE_UNKNOWN)
		job_fail(j, "outcome unknown: %s: nothing is undone (hint: look at the VM)", why);
	else
		job_fail(j, "%s", why);

	if (failure != FAILURE_UNKNOWN && leaves_something(j))
		job_add_to_why(j, "nothing is undone, as no driver was running for long "
			       "(journal.resume_s) (hint: look at the VM)");

	job_end(j);
}
