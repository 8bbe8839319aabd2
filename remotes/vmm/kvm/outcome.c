/* SPDX-License-Identifier: Apache-2.0 */
/* outcome - reports what became of an action whose result was lost; changes nothing. */
#include "vm/outcome_query.h"

#include "vm/deployment.h"
#include "action/lock.h"
#include "base/number.h"

enum { ACTION, DEPLOY_ID, CHECKPOINT, VM_ID, LOCK_MS = 200000, OPEN_MS = 10000 };

static bool read_case(const struct action_ctx *ctx, struct outcome_case *c, GError **error)
{
	const char *age = g_getenv("VMM_REQUEST_AGE");

	*c = (struct outcome_case){
		.action = ctx->arg[ACTION], .deploy_id = ctx->arg[DEPLOY_ID],
		.checkpoint = ctx->arg[CHECKPOINT], .vm_id = ctx->arg[VM_ID], .age_s = -1,
	};
	if (age && !number_signed(age, 0, G_MAXINT32, &c->age_s, NULL))
		return vmm_fail(error, VMM_ERROR_USAGE, "VMM_REQUEST_AGE: '%s' is not a number of "
				"seconds", age);

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
		     info ? info : "");

	return ACTION_DONE;
}

const struct action action = {
	.name = "outcome", .usage = "ACTION DEPLOY_ID CHECKPOINT VM_ID [HOST]",
	.summary = "Prints what has become of ACTION on a VM: done, not-done, refused, finish, "
		   "repeat, unknown or later; of \"absent\" whether it is not running here.",
	.input = "the request document, if there is one",
	.example = "outcome deploy one-7 - 7",
	.min_args = 4, .vm_id = VM_ID, .deadline_s = 280, .offline = true, .run = run_outcome,
};
