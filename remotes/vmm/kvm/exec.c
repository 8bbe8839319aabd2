/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec - starts a program in a VM's guest; with --wait, reports its result.
 *
 * The guest's agent starts the program and forgets nothing of it until it is asked for its result,
 * so the process number is stored on the host: exec_cancel and the next exec need it. One program
 * at a time for each VM. If the number cannot be stored, the program is ended again.
 */
#include "vm/guest_exec.h"
#include "vm/guest_command.h"

#include "action/reconcile.h"
#include "base/number.h"
#include "virt/virt_error.h"

enum { VM, HOST, COMMAND, INPUT, MAX_WAIT_S = 86400 };

static char *wait_s;

static const GOptionEntry options[] = {
	{ "wait", 'w', 0, G_OPTION_ARG_FILENAME, &wait_s,
	  "Wait that long for its end and print its output; then end it", "SECONDS" },
	{ 0 }
};

/*
 * VMM_ERROR_BUSY while an earlier one runs; a result that was not fetched is dropped. An agent that
 * does not answer has not said that it knows no such process.
 */
static bool check_free(virDomain *dom, GError **error)
{
	g_autoptr(GError) cause = NULL;
	struct guest_exec_status status = { 0 };
	gint64 pid;
	bool runs;

	if (!guest_exec_recall(dom, &pid, error))
		return false;
	if (!pid)
		return true;
	if (!guest_exec_ask(dom, pid, &status, &cause)) {
		if (virt_is_agents_no(cause))
			return true;
		g_prefix_error(&cause, "whether process %" G_GINT64_FORMAT " of an earlier exec "
			       "still runs in domain %s is not known: ", pid,
			       virDomainGetName(dom));
		return vmm_pass(error, &cause);
	}

	runs = !status.exited;
	guest_exec_status_clear(&status);

	if (!runs)
		return true;

	return vmm_fail(error, VMM_ERROR_BUSY,
			"process %" G_GINT64_FORMAT " of an earlier exec still runs in domain %s",
			pid, virDomainGetName(dom));
}

static enum action_outcome start_failed(const struct action_ctx *ctx, const GError *cause)
{
	if (guest_exec_may_have_begun(cause))
		return ACTION_UNKNOWN;

	return reconcile_failure(ctx);
}

static enum action_outcome start(struct action_ctx *ctx, virDomain *dom,
				 const GuestCommand *command, guint64 seconds, GError **error)
{
	gint64 pid;

	if (!guest_exec_lock(ctx, error))
		return ACTION_FAILED;
	if (!check_free(dom, error))
		return ACTION_FAILED;
	action_on_abort(ACTION_UNKNOWN, "starting a program in domain %s", virDomainGetName(dom));
	if (!guest_exec_start(dom, (const char *const *)command->argv, command->input, &pid, error))
		return start_failed(ctx, *error);
	if (seconds)
		return guest_exec_wait(ctx, dom, pid, seconds, error);
	if (!guest_exec_remember(dom, pid, error))
		return guest_exec_stop(ctx, dom, pid, "exec_cancel will not know it", error);

	return ACTION_DONE;
}

static enum action_outcome run_exec(struct action_ctx *ctx, GError **error)
{
	g_auto(GuestCommand) command = { 0 };
	g_autoptr(virDomain) dom = NULL;
	guint64 seconds = 0;

	if (wait_s && !number_unsigned(wait_s, 1, MAX_WAIT_S, &seconds, NULL)) {
		vmm_fail(error, VMM_ERROR_USAGE, "--wait: '%s' is not a number from 1 to %d",
			 wait_s, MAX_WAIT_S);
		return ACTION_FAILED;
	}

	if (!guest_command_read(&command, ctx, COMMAND, INPUT, error))
		return ACTION_FAILED;
	dom = guest_exec_domain(ctx, error);
	if (!dom)
		return ACTION_FAILED;
	if (ctx->dry_run) {
		action_print(ctx, "would run %s in domain %s\n", command.argv[0],
			     virDomainGetName(dom));
		return ACTION_DONE;
	}

	return start(ctx, dom, &command, seconds, error);
}

const struct action action = {
	.name = "exec", .usage = "VM_ID HOST COMMAND [STDIN_IN_BASE64]",
	.summary = "Starts COMMAND in the guest through its agent. COMMAND is split like in a "
		   "shell, but no shell runs it; \"-\" takes it from the request document.",
	.input = "the request document, if COMMAND is \"-\"",
	.example = "exec --wait 10 7 - 'uname -a'",
	.min_args = 3, .deadline_s = 90000, .options = options, .run = run_exec,
};
