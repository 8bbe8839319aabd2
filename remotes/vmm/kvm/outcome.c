/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome - reports what became of an action whose result was lost; changes nothing.
 *
 * The driver asks this after a connection was lost in the middle of an action. It waits for the
 * VM's lock first, because the action may still be at work, and then looks at libvirt and at the
 * files; it never repeats or mends anything itself. VMM_REQUEST_AGE tells an earlier result of the
 * same kind from that of this request.
 */
#include "vm/outcome_query.h"

#include "base/text.h"
#include "vm/deployment.h"
#include "action/lock.h"

enum { ACTION, DEPLOY_ID, CHECKPOINT, VM_ID, LOCK_MS = 200000, OPEN_MS = 10000 };

static bool read_case(const struct action_ctx *ctx, struct outcome_case *c, GError **error)
{
	*c = (struct outcome_case){
		.action = ctx->arg[ACTION], .deploy_id = ctx->arg[DEPLOY_ID],
		.checkpoint = ctx->arg[CHECKPOINT], .vm_id = ctx->arg[VM_ID],
	};
	if (!request_input_age(&c->age_s, error))
		return false;

	return deployment_of_environment(&c->mark, error);
}

/* An action that still works on the VM has not ended yet. */
static bool wait_for_actions(const struct action_ctx *ctx, GError **error)
{
	g_autofree char *name = g_strconcat("one-", ctx->arg[VM_ID], NULL);

	return lock_take(name, action_left_ms(ctx, LOCK_MS), error);
}

static enum action_outcome run_outcome(struct action_ctx *ctx, GError **error)
{
	g_autoptr(TmplRequest) request = request_input_read(error);
	enum outcome_verdict verdict;
	g_autofree char *info = NULL;
	struct outcome_case c;

	if (!request)
		return ACTION_FAILED;
	if (!read_case(ctx, &c, error))
		return ACTION_FAILED;
	if (!wait_for_actions(ctx, error))
		return ACTION_FAILED;
	c.request = request;
	ctx->conn = virt_open(ctx->uri, action_left_ms(ctx, OPEN_MS), error);
	if (!ctx->conn)
		return ACTION_FAILED;
	if (!outcome_query(ctx, &c, &verdict, &info, error))
		return ACTION_FAILED;
	action_print(ctx, "%s%s%s\n", outcome_query_word(verdict), info ? " " : "",
		     text_or(info, ""));

	return ACTION_DONE;
}

const struct action action = {
	.name = "outcome", .usage = "ACTION DEPLOY_ID CHECKPOINT VM_ID [HOST]",
	.summary = "Prints what has become of ACTION on a VM: done, not-done, refused, finish, "
		   "repeat, unknown, later or in-progress; of \"absent\" whether it is not running "
		   "here.",
	.input = "the request document, if there is one",
	.example = "outcome deploy one-7 - 7",
	.min_args = 4, .vm_id = VM_ID, .deadline_s = 280, .offline = true, .run = run_outcome,
};
