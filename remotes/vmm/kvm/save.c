/* SPDX-License-Identifier: Apache-2.0 */
/*
 * save - puts a VM's memory into a file and ends it.
 *
 * Before anything ends: is the checkpoint's path absolute, may this guest be saved at all
 * (encrypted memory, host devices, nested guests). A checkpoint is written beside its name and
 * renamed when it is whole, so that no half of one can be restored. If the datastore's hook fails
 * afterwards, the VM is resumed from the checkpoint; where that fails too the outcome is unknown
 * and the file stays.
 */
#include "vm/checkpoint.h"
#include "vm/checkpoint_stored.h"

#include <unistd.h>

#include "action/datastore_hook.h"
#include "action/request_input.h"
#include "host/root_helper.h"
#include "vm/host_fit.h"
#include "vm/live_guard.h"
#include "vm/vtpm.h"

enum { DEPLOY_ID, CHECKPOINT, VM_ID = 3 };

/* If the hook cannot store the checkpoint, resumes the VM. */
static enum action_outcome undo(struct action_ctx *ctx, GError **error)
{
	const char *file = ctx->arg[CHECKPOINT];
	g_autoptr(virDomain) again = NULL;
	g_autoptr(GError) cause = NULL;
	g_autoptr(xmlDoc) doc = checkpoint_domain(ctx, file, &cause);

	/* Until the VM runs, the note is what tells a checkpoint that was moved from none. */
	if (doc && checkpoint_restore(ctx, file, xmlDocGetRootElement(doc), NULL, &again,
				      &cause) == ACTION_DONE) {
		checkpoint_stored_forget(file);
		return ACTION_FAILED;
	}

	action_log("ERROR", "%s", cause->message);
	if (access(file, F_OK) == 0)
		vmm_error_set_hint(error, "the VM does not run; its checkpoint is %s", file);
	else
		vmm_error_set_hint(error, "the VM does not run, and %s is gone: see whether its "
				   "datastore has it", file);

	return ACTION_UNKNOWN;
}

/* Moves the checkpoint to its datastore, if that has a program of its own for it. */
static enum action_outcome store(struct action_ctx *ctx, const TmplRequest *d, GError **error)
{
	const char *file = ctx->arg[CHECKPOINT];
	g_autofree char *hook = datastore_hook_find(d, "save");

	if (!hook)
		return ACTION_DONE;
	if (checkpoint_stored_begin(file, ctx->arg[DEPLOY_ID], action_arg(ctx, VM_ID), error) &&
	    datastore_hook_run(ctx, d, hook, error))
		return ACTION_DONE;

	return undo(ctx, error);
}

static enum action_outcome save(struct action_ctx *ctx, virDomain *dom, const TmplRequest *d,
				GError **error)
{
	g_autofree char *directory =
		virt_vm_directory(dom, conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI"));
	enum action_outcome outcome;
	char uuid[VIR_UUID_STRING_BUFLEN];

	checkpoint_stored_forget(ctx->arg[CHECKPOINT]);
	outcome = checkpoint_save(ctx, dom, ctx->arg[CHECKPOINT], error);
	if (outcome == ACTION_DONE)
		outcome = store(ctx, d, error);
	if (outcome != ACTION_DONE)
		return outcome;
	action_on_abort(ACTION_DONE, "%s", "");
	if (virDomainGetUUIDString(dom, uuid) == 0)	/* from the handle, though it is gone */
		vtpm_collect(ctx, uuid, directory, true);
	root_helper_clean_memory(ctx, "CLEANUP_MEMORY_ON_STOP", false);

	return ACTION_DONE;
}

/* Saves DOM, which is running, if its guest can be saved at all. */
static enum action_outcome save_running(struct action_ctx *ctx, virDomain *dom,
					const TmplRequest *d, GError **error)
{
	if (!live_guard_memory(dom, LIVE_GUARD_SAVE, error))
		return ACTION_FAILED;
	if (!host_fit_guard_nested(ctx, dom, "save", error))
		return ACTION_FAILED;
	if (!ctx->dry_run)
		return save(ctx, dom, d, error);

	action_print(ctx, "would save domain %s to %s\n", virDomainGetName(dom),
		     ctx->arg[CHECKPOINT]);

	return ACTION_DONE;
}

/* The checkpoint was made already, by a save that this request repeats: only stores it. */
static enum action_outcome store_again(struct action_ctx *ctx, const TmplRequest *d, GError **error)
{
	action_log("INFO", "domain %s is in %s already", ctx->arg[DEPLOY_ID], ctx->arg[CHECKPOINT]);
	if (ctx->dry_run)
		return ACTION_DONE;

	return store(ctx, d, error);
}

static enum action_outcome run_save(struct action_ctx *ctx, GError **error)
{
	const char *file = ctx->arg[CHECKPOINT];
	g_autoptr(TmplRequest) d = request_input_read(error);
	g_autoptr(GError) cause = NULL;
	g_autoptr(virDomain) dom = d ? action_domain_alone(ctx, &cause) : NULL;
	struct virt_state state = { .gone = true };
	bool has_ended;
	gint64 age_s;

	if (!d || !request_input_age(&age_s, error))
		return ACTION_FAILED;
	if (!g_path_is_absolute(file)) {
		vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not an absolute path", file);
		return ACTION_FAILED;
	}

	if (dom && !virt_state_read(dom, &state, error))
		return ACTION_FAILED;
	if (!state.gone)
		return save_running(ctx, dom, d, error);

	has_ended = dom || vmm_is(cause, VMM_ERROR_NOT_FOUND);
	if (has_ended && checkpoint_is_recent(ctx, file, ctx->arg[DEPLOY_ID],
					      action_arg(ctx, VM_ID), age_s))
		return store_again(ctx, d, error);

	if (!cause)
		vmm_fail(&cause, VMM_ERROR_REFUSED, "cannot save domain %s: it is not running",
			 virDomainGetName(dom));
	vmm_pass(error, &cause);

	return ACTION_FAILED;
}

const struct action action = {
	.name = "save", .usage = "DEPLOY_ID FILE [HOST [VM_ID]]",
	.summary = "Saves the memory of a VM to FILE and ends the VM; succeeds if that is done "
		   "already.",
	.input = "the request document, for the hook of the datastore",
	.example = "save one-7 /var/lib/one/datastores/0/7/checkpoint",
	.min_args = 2, .vm_id = VM_ID, .deadline_s = 7100, .run = run_save,
};
