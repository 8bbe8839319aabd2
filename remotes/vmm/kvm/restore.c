/* SPDX-License-Identifier: Apache-2.0 */
/* restore - lets a saved VM go on, out of its checkpoint, which is then used up. */
#include "vm/checkpoint.h"

#include <unistd.h>

#include "host/ceph_pool.h"
#include "vm/guest_clock.h"
#include "action/datastore_hook.h"
#include "action/request_input.h"
#include "host/root_helper.h"
#include "action/lock.h"
#include "vm/snapshot_redefine.h"
#include "vm/checkpoint_check.h"
#include "vm/checkpoint_stored.h"
#include "vm/checkpoint_use.h"
#include "vm/disk_images.h"
#include "vm/existing.h"
#include "vm/host_fit.h"
#include "vm/vtpm.h"
#include "vm/vtpm_secret.h"
#include "virt/power.h"

enum { CHECKPOINT, HOST, DEPLOY_ID, VM_ID, LOCK_MS = 60000, WAKE_MS = 30000 };

/* The guest suspended itself to RAM: that it runs again is what was asked for. */
static enum action_outcome wake_up(struct action_ctx *ctx, virDomain *dom, GError **error)
{
	enum virt_call_result r;

	if (ctx->dry_run) {
		action_print(ctx, "would wake up domain %s\n", virDomainGetName(dom));
		return ACTION_DONE;
	}

	r = virt_power_request(dom, VIRT_WAKE_UP, action_left_ms(ctx, WAKE_MS), error);
	if (r == VIRT_CALL_TIMED_OUT) {
		vmm_fail(error, VMM_ERROR_TIMEOUT, "waking up domain %s: QEMU is not responding",
			 virDomainGetName(dom));
		return ACTION_UNKNOWN;
	}

	if (r == VIRT_CALL_OK)
		return ACTION_DONE;

	return ACTION_FAILED;
}

/* The VM exists already: decides whether that is what was asked for. */
static enum action_outcome already(struct action_ctx *ctx, const TmplRequest *d, virDomain *dom,
				   const struct virt_state *state, GError **error)
{
	const char *file = ctx->arg[CHECKPOINT], *name = virDomainGetName(dom);
	bool used = checkpoint_use_knows(file, file) || checkpoint_use_is_begun(file);

	if (state->state == VIR_DOMAIN_PMSUSPENDED)
		return wake_up(ctx, dom, error);

	if (!used && access(file, F_OK) == 0) {
		vmm_fail(error, VMM_ERROR_EXISTS, "cannot restore domain %s from %s: it is %s",
			 name, file, virt_state_name(state));
		vmm_error_set_hint(error, "check which of the two is wanted; the file was kept");
		return ACTION_FAILED;
	}

	action_log("INFO", "domain %s runs already", name);
	if (!ctx->dry_run) {
		checkpoint_use_end(file);
		ceph_pool_forget(ctx, d, action_arg(ctx, VM_ID));
	}

	return ACTION_DONE;
}

/* Gets FILE by the datastore's own program, or as it is there; then it is complete. */
static bool get_checkpoint(struct action_ctx *ctx, const TmplRequest *d, GError **error)
{
	const char *file = ctx->arg[CHECKPOINT];
	g_autofree char *hook = ctx->dry_run ? NULL : datastore_hook_find(d, "restore");

	if (!checkpoint_check_owner(ctx, file, error))
		return false;
	if (!ctx->dry_run && !checkpoint_may_restore(ctx, file, action_arg(ctx, VM_ID), error))
		return false;
	if (hook && !datastore_hook_run(ctx, d, hook, error))
		return false;

	return checkpoint_recover(ctx, file, error);
}

/* libvirt's driver for tests restores a file by nothing but the XML in it. */
static bool takes_xml(virConnect *conn)
{
	const char *type = virConnectGetType(conn);

	return !type || g_ascii_strcasecmp(type, "test") != 0;
}

static enum action_outcome restore(struct action_ctx *ctx, const TmplRequest *d, GError **error)
{
	const char *file = ctx->arg[CHECKPOINT];
	g_autofree char *directory = g_path_get_dirname(file);
	g_autoptr(virDomain) dom = NULL;
	g_autoptr(xmlDoc) doc = NULL;
	g_autofree char *xml = NULL, *name = NULL, *tpm = NULL;
	enum action_outcome outcome;
	bool changed = false;
	xmlNode *domain;

	if (get_checkpoint(ctx, d, error))
		doc = checkpoint_check_load(ctx, file, action_arg(ctx, DEPLOY_ID),
					    action_arg(ctx, VM_ID), &changed, error);
	if (!doc)
		return ACTION_FAILED;
	domain = xmlDocGetRootElement(doc);
	if (changed || takes_xml(ctx->conn))	/* what was checked: the file may be replaced */
		xml = xml_print(domain);
	name = xml_child_text(domain, "name");
	if (!host_fit_check(ctx, domain, directory, error))
		return ACTION_FAILED;
	if (!disk_images_check(ctx, domain, directory, error))
		return ACTION_FAILED;
	if (ctx->dry_run) {
		action_print(ctx, "would restore domain %s from %s%s\n", name, file,
			     changed ? ", its paths changed" : "");
		return ACTION_DONE;
	}

	if (!lock_take(name, action_left_ms(ctx, LOCK_MS), error))
		return ACTION_FAILED;
	root_helper_clean_memory(ctx, "CLEANUP_MEMORY_ON_START", true);
	if (!ceph_pool_begin(ctx, d, action_arg(ctx, VM_ID), error))
		return ACTION_FAILED;
	if (!vtpm_secret_provide(ctx->conn, domain, directory, NULL, error))
		return ACTION_FAILED;
	tpm = vtpm_mark(ctx, domain, directory, action_arg(ctx, HOST));
	outcome = checkpoint_restore(ctx, file, domain, xml, &dom, error);
	if (outcome == ACTION_FAILED && access(file, F_OK) == 0) {
		ceph_pool_back(ctx, d, action_arg(ctx, VM_ID));
		vtpm_unmark(ctx, domain, directory, tpm);
	}

	if (outcome != ACTION_DONE)
		return outcome;
	action_on_abort(ACTION_DONE, "%s", "");
	vtpm_secret_started(ctx->conn, domain);
	vtpm_stayed(ctx, dom);
	checkpoint_stored_forget(file);
	ceph_pool_forget(ctx, d, action_arg(ctx, VM_ID));
	guest_clock_start(ctx, ctx->uri, dom);
	snapshot_redefine_all(dom, directory, action_log, NULL);

	return ACTION_DONE;
}

static enum action_outcome run_restore(struct action_ctx *ctx, GError **error)
{
	const char *deploy_id = action_arg(ctx, DEPLOY_ID), *id = action_arg(ctx, VM_ID);
	g_autofree char *own = id ? g_strdup_printf("one-%s", id) : NULL;
	g_autoptr(TmplRequest) d = request_input_read(error);
	g_autoptr(virDomain) dom = NULL;
	struct existing existing = { 0 };
	enum action_outcome outcome;

	if (!d)
		return ACTION_FAILED;
	if (own && !ctx->dry_run && !lock_take(own, action_left_ms(ctx, LOCK_MS), error))
		return ACTION_FAILED;

	outcome = existing_find(ctx, ctx->arg[CHECKPOINT], deploy_id, id, &existing, error);
	dom = existing.dom;
	if (outcome != ACTION_DONE)
		return outcome;
	if (dom)
		return already(ctx, d, dom, &existing.state, error);

	return restore(ctx, d, error);
}

const struct action action = {
	.name = "restore", .usage = "FILE [HOST [DEPLOY_ID [VM_ID]]]",
	.summary = "Resumes a saved VM and consumes FILE; succeeds if the VM is running already.",
	.input = "the request document, for the hook of the datastore",
	.example = "restore /var/lib/one/datastores/0/7/checkpoint",
	.min_args = 1, .vm_id = VM_ID, .deadline_s = 7100,
	.set_clock = guest_clock_set, .run = run_restore,
};
