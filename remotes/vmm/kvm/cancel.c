/* cancel - ends a VM at once, as by pulling the plug. */
#include "action/deployment.h"
#include "action/host.h"
#include "action/stop.h"

static enum action_outcome run(struct action_ctx *ctx, GError **error)
{
	const struct stop_plan plan = { .at_once = true };
	g_autoptr(GError) cause = NULL;
	g_autoptr(virDomain) dom = stop_find(ctx, false, &cause);
	g_autofree char *directory = NULL;
	struct virt_state state = { .gone = !dom };
	enum action_outcome outcome = ACTION_DONE;
	const char *mark;

	if (!deployment_of_environment(&mark, error) ||
	    (dom && !deployment_check(dom, mark, error)))
		return ACTION_FAILED;
	if ((!dom && !g_error_matches(cause, VMM_ERROR, VMM_ERROR_NOT_FOUND)) ||
	    (dom && !virt_state(dom, &state, &cause))) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return ACTION_FAILED;
	}
	if (ctx->dry_run) {
		action_print(ctx, state.gone ? "domain %s is gone already\n" :
			     "would destroy domain %s\n", ctx->arg[0]);
		return ACTION_DONE;
	}
	directory = dom ? virt_vm_directory(dom, conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI")) :
			  host_directory_of_request();
	if (!state.gone)
		outcome = stop_domain(ctx, dom, &plan, error);
	if (outcome == ACTION_DONE)
		host_after_stop(ctx, directory);
	return outcome;
}

const struct action action = {
	.name = "cancel", .usage = "DEPLOY_ID [HOST [VM_ID]]",
	.summary = "Ends a VM at once, as by pulling the plug; one that is gone is done.",
	.min_args = 1, .deadline_s = 240, .run = run,
};
