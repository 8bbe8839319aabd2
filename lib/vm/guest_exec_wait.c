/* SPDX-License-Identifier: Apache-2.0 */
#include "base/deadline.h"
#include "vm/guest_exec.h"

enum { PAUSE_MS = 100, RESERVE_MS = 3000, END_MS = 10000, LAST_MS = 1000 };

enum action_outcome guest_exec_stop(struct action_ctx *ctx, virDomain *dom, gint64 pid,
				    const char *how, GError **error)
{
	gint64 until_us = action_until_us(ctx, END_MS, LAST_MS);
	g_autoptr(GError) cause = NULL;

	if (guest_exec_end(dom, pid, until_us, &cause) == ACTION_DONE) {
		action_log("WARN", "ended process %" G_GINT64_FORMAT, pid);
		return ACTION_FAILED;
	}

	vmm_error_set_hint(error, "it could not be ended: %s: %s", how, cause->message);

	return ACTION_UNKNOWN;
}

/* Until PID has exited, or its time is over. RET_ENDED: it runs no more. */
static enum action_outcome wait_for(struct action_ctx *ctx, virDomain *dom, gint64 pid,
				    guint64 seconds, bool *ret_ended, GError **error)
{
	gint64 until_us = action_until_us(ctx, (gint64)seconds * 1000, RESERVE_MS);
	enum action_outcome outcome;
	struct guest_exec_status status = { 0 };

	*ret_ended = false;
	for (;;) {
		if (!guest_exec_ask(dom, pid, &status, error))
			return ACTION_UNKNOWN;
		if (status.exited)
			break;
		if (!deadline_pause(until_us, PAUSE_MS))
			break;
		guest_exec_status_clear(&status);
	}

	if (status.exited) {
		outcome = guest_exec_judge(dom, &status, error);
	} else {
		vmm_fail(error, VMM_ERROR_TIMEOUT, "the program in domain %s did not end in time",
			 virDomainGetName(dom));
		outcome = guest_exec_stop(ctx, dom, pid, "try exec_cancel", error);
	}

	*ret_ended = status.exited || outcome == ACTION_FAILED;

	g_string_append_len(ctx->out, status.out->str, (gssize)status.out->len);
	if (status.err->len)
		action_log("INFO", "%s", status.err->str);
	guest_exec_status_clear(&status);

	return outcome;
}

/* What is known of PID after the wait: exec_cancel or another exec may have come meanwhile. */
static void note_end(struct action_ctx *ctx, virDomain *dom, gint64 pid, bool has_ended)
{
	g_autoptr(GError) cause = NULL;
	gint64 known = 0;

	if (guest_exec_lock(ctx, &cause) && guest_exec_recall(dom, &known, &cause) &&
	    known == pid) {
		if (has_ended)
			guest_exec_forget(dom);
		else
			guest_exec_remember(dom, pid, &cause);
	}

	if (cause)
		action_log("WARN", "process %" G_GINT64_FORMAT " stays noted in domain %s, and the "
			   "monitoring does not report its result: %s", pid, virDomainGetName(dom),
			   cause->message);
}

enum action_outcome guest_exec_wait(struct action_ctx *ctx, virDomain *dom, gint64 pid,
				    guint64 seconds, GError **error)
{
	enum action_outcome outcome;
	bool has_ended;

	if (!guest_exec_remember_own(dom, pid, error))
		return guest_exec_stop(ctx, dom, pid, "exec_cancel will not know it", error);

	guest_exec_unlock();
	outcome = wait_for(ctx, dom, pid, seconds, &has_ended, error);
	note_end(ctx, dom, pid, has_ended);

	return outcome;
}
