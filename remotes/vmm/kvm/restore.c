/* restore - lets a saved VM go on, and removes its checkpoint when it does. */
#include "action/checkpoint.h"

#include <unistd.h>

#include "action/ceph.h"
#include "action/clock.h"
#include "action/document.h"
#include "action/host.h"
#include "action/lock.h"
#include "action/restate.h"
#include "virt/request.h"

enum { CHECKPOINT, DEPLOY_ID = 2, VM_ID, LOCK_MS = 60000, WAKE_MS = 30000 };

/* Only now: nobody needs it any more. */
static void forget(const struct action_ctx *ctx, const Document *d)
{
	const char *file = ctx->arg[CHECKPOINT];

	if (unlink(file) < 0 && access(file, F_OK) == 0)
		action_log("WARN", "cannot remove the checkpoint %s", file);
	ceph_forget(ctx, d, action_arg(ctx, VM_ID));
}

/* The VM is there; whether that is what was asked for. */
static enum action_outcome already(struct action_ctx *ctx, const Document *d, virDomain *dom,
				   const struct virt_state *state, GError **error)
{
	const char *file = ctx->arg[CHECKPOINT], *name = virDomainGetName(dom);

	if (state->state == VIR_DOMAIN_PMSUSPENDED) {
		if (ctx->dry_run)
			action_print(ctx, "would wake up domain %s\n", name);
		else if (virt_request(dom, VIRT_WAKE_UP, action_left_ms(ctx, WAKE_MS), error) !=
			 VIRT_LATE_OK)
			return error && *error ? ACTION_FAILED : ACTION_UNKNOWN;
		return ACTION_DONE;
	}
	if (access(file, F_OK) == 0 &&
	    !(state->state == VIR_DOMAIN_RUNNING && state->reason == VIR_DOMAIN_RUNNING_RESTORED)) {
		vmm_fail(error, VMM_ERROR_EXISTS, "cannot restore domain %s from %s: it is %s",
			 name, file, virt_state_name(state));
		vmm_error_set_hint(error, "look which of the two is wanted; the file was kept");
		return ACTION_FAILED;
	}
	action_log("INFO", "domain %s runs already", name);
	if (!ctx->dry_run)
		forget(ctx, d);
	return ACTION_DONE;
}

static enum action_outcome restore(struct action_ctx *ctx, const Document *d, GError **error)
{
	const char *file = ctx->arg[CHECKPOINT];
	g_autofree char *directory = g_path_get_dirname(file);
	g_autofree char *hook = document_hook(d);
	g_autoptr(virDomain) dom = NULL;
	g_autoptr(xmlDoc) doc = NULL;
	g_autofree char *xml = NULL, *name = NULL;
	enum action_outcome outcome;

	if ((hook && !ctx->dry_run && !document_run_hook(ctx, d, hook, error)) ||
	    !checkpoint_recover(ctx, file, error))
		return ACTION_FAILED;
	doc = checkpoint_domain(ctx, file, error);
	if (!doc)
		return ACTION_FAILED;
	name = tmpl_xml_child_text(xmlDocGetRootElement(doc), "name");
	if (!name) {
		vmm_fail(error, VMM_ERROR_INPUT, "checkpoint %s: its domain has no name", file);
		return ACTION_FAILED;
	}
	if (restate_paths(xmlDocGetRootElement(doc), file, action_arg(ctx, VM_ID)))
		xml = tmpl_xml_print(xmlDocGetRootElement(doc));
	if (ctx->dry_run) {
		action_print(ctx, "would restore domain %s from %s%s\n", name, file,
			     xml ? ", its paths changed" : "");
		return ACTION_DONE;
	}
	if (!lock_take(name, action_left_ms(ctx, LOCK_MS), error))
		return ACTION_FAILED;
	host_clean_memory(ctx, "CLEANUP_MEMORY_ON_START", true);
	outcome = checkpoint_restore(ctx, file, xml, name, &dom, error);
	if (outcome != ACTION_DONE)
		return outcome;
	action_outcome(ACTION_DONE, "%s", "");
	forget(ctx, d);
	clock_start(ctx, ctx->uri, dom);
	restate_snapshots(dom, directory, action_log, NULL);
	return ACTION_DONE;
}

static virDomain *find(const struct action_ctx *ctx, GError **error)
{
	const char *id = action_arg(ctx, DEPLOY_ID);

	if (id)
		return virt_domain(ctx->conn, id, action_arg(ctx, VM_ID), error);
	vmm_fail(error, VMM_ERROR_NOT_FOUND, "no domain was named");
	return NULL;
}

static enum action_outcome run(struct action_ctx *ctx, GError **error)
{
	const char *id = action_arg(ctx, VM_ID);
	g_autofree char *own = id ? g_strdup_printf("one-%s", id) : NULL;
	g_autoptr(Document) d = document_read(error);
	g_autoptr(virDomain) dom = NULL;
	g_autoptr(GError) cause = NULL;
	struct virt_state state;
	bool ended = false;

	if (!d || (own && !ctx->dry_run && !lock_take(own, action_left_ms(ctx, LOCK_MS), error)))
		return ACTION_FAILED;
	dom = find(ctx, &cause);
	if (dom && !ctx->dry_run && access(ctx->arg[CHECKPOINT], F_OK) == 0 &&
	    !checkpoint_end_half(ctx, dom, &ended, error))
		return g_error_matches(*error, VMM_ERROR, VMM_ERROR_REFUSED) ? ACTION_FAILED :
									       ACTION_UNKNOWN;
	if (dom && !ended && virt_state(dom, &state, &cause) && !state.gone)
		return already(ctx, d, dom, &state, error);
	if (cause && !g_error_matches(cause, VMM_ERROR, VMM_ERROR_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return ACTION_FAILED;
	}
	return restore(ctx, d, error);
}

const struct action action = {
	.name = "restore", .usage = "FILE [HOST [DEPLOY_ID [VM_ID]]]",
	.summary = "Lets a saved VM go on and removes FILE; one that runs already is done.",
	.min_args = 1, .vm_id = VM_ID, .deadline_s = 7100, .run = run,
};
