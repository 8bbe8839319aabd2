/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_cancel - ends the program that exec started in a VM's guest, and only that.
 *
 * Only a process that the agent still knows as running is ended: a guest reuses process numbers,
 * and the one that was stored may be another program's by now.
 */
#include "vm/guest_exec.h"

#include "virt/virt_error.h"

enum { END_MS = 10000, RESERVE_MS = 1000 };

static enum action_outcome cancel(struct action_ctx *ctx, virDomain *dom, gint64 pid,
				  GError **error)
{
	struct guest_exec_status status = { 0 };
	enum action_outcome outcome = ACTION_DONE;
	g_autoptr(GError) cause = NULL;
	bool runs;

	/*
	 * A process that has exited must not be ended: its number may belong to another program by
	 * now.
	 */
	runs = guest_exec_ask(dom, pid, &status, &cause) && !status.exited;
	guest_exec_status_clear(&status);
	if (cause && !virt_is_agents_no(cause)) {
		vmm_pass(error, &cause);
		return ACTION_FAILED;
	}

	action_on_abort(ACTION_UNKNOWN, "ending process %" G_GINT64_FORMAT " in domain %s", pid,
			virDomainGetName(dom));
	if (runs)
		outcome = guest_exec_end(dom, pid, action_until_us(ctx, END_MS, RESERVE_MS), error);
	if (outcome == ACTION_DONE)
		guest_exec_forget(dom);

	return outcome;
}

static enum action_outcome run_exec_cancel(struct action_ctx *ctx, GError **error)
{
	g_autoptr(virDomain) dom = guest_exec_domain(ctx, error);
	gint64 pid;

	if (!dom)
		return ACTION_FAILED;
	if (ctx->dry_run) {
		action_print(ctx, "would end the program in domain %s\n", virDomainGetName(dom));
		return ACTION_DONE;
	}

	if (!guest_exec_lock(ctx, error))
		return ACTION_FAILED;
	if (!guest_exec_recall(dom, &pid, error))
		return ACTION_FAILED;
	if (!pid) {
		action_log("INFO", "no program runs in domain %s any more", virDomainGetName(dom));
		guest_exec_forget(dom);
		return ACTION_DONE;
	}

	return cancel(ctx, dom, pid, error);
}

const struct action action = {
	.name = "exec_cancel", .usage = "VM_ID [HOST]",
	.summary = "Kills the program that exec started in the guest; succeeds if none is running.",
	.example = "exec_cancel 7",
	.min_args = 1, .deadline_s = 100, .run = run_exec_cancel,
};
