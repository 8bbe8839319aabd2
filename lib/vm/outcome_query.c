/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/outcome_judge.h"

#include "action/datastore_hook.h"
#include "vm/checkpoint.h"
#include "vm/checkpoint_stored.h"
#include "vm/cpu_proof.h"
#include "vm/deployment.h"
#include "vm/moved_disks.h"
#include "vm/stranded.h"
#include "vm/vtpm.h"
#include "action/other_host.h"
#include "base/deadline.h"
#include "virt/domain_job.h"
#include "virt/qemu_process.h"
#include "virt/virt_error.h"
#include "virt/pause.h"
#include "wire/ssh.h"

enum { CATCH_UP_MS = 60000, OPEN_MS = 30000, TICK_MS = 100 };

const char *outcome_query_word(enum outcome_verdict verdict)
{
	static const char *const words[] = {
		[OUTCOME_DONE] = "done", [OUTCOME_NOT_DONE] = "not-done",
		[OUTCOME_REFUSED] = "refused", [OUTCOME_FINISH] = "finish",
		[OUTCOME_REPEAT] = "repeat",
		[OUTCOME_UNKNOWN] = "unknown", [OUTCOME_LATER] = "later",
		[OUTCOME_IN_PROGRESS] = "in-progress",
	};

	return words[verdict];
}

static bool is_up(const struct outcome_found *f)
{
	if (!f->dom)
		return false;
	if (f->state.gone)
		return false;

	return virt_state_is_up(&f->state);
}

bool outcome_judge_is_gone(const struct outcome_found *f)
{
	if (!f->dom)
		return true;

	return f->state.gone;
}

static char *one_name(const struct outcome_case *c)
{
	return g_strdup_printf("one-%s", c->vm_id);
}

/* NULL with ERROR unset: it is not there. */
static virDomain *look_up(virConnect *conn, const char *id, GError **error)
{
	virDomain *dom = g_uuid_string_is_valid(id) ? virDomainLookupByUUIDString(conn, id) :
						      virDomainLookupByName(conn, id);

	if (!dom && !virt_last_is(VIR_ERR_NO_DOMAIN))
		virt_fail(error, "cannot look for domain %s", id);
	return dom;
}

/* The domain that a DEPLOY made: by its mark, whatever UUID the template gave it. */
static virDomain *look_up_marked(virConnect *conn, const struct outcome_case *c, GError **error)
{
	g_autofree char *name = one_name(c), *mark = NULL;
	g_autoptr(virDomain) dom = look_up(conn, name, error);

	if (!dom)
		return NULL;
	if (!deployment_read(dom, &mark, error))
		return NULL;
	if (g_strcmp0(mark, c->mark))
		return NULL;

	return g_steal_pointer(&dom);
}

static enum outcome_verdict judge_deploy(struct action_ctx *ctx, const struct outcome_case *c,
					 const struct outcome_found *f,
					 char **ret_info, GError **error)
{
	if (outcome_judge_is_gone(f))
		return OUTCOME_NOT_DONE;
	if (!is_up(f))
		return OUTCOME_LATER;
	/*
	 * deploy may have died before it looked at the guest's CPU. If the CPU lacks something, a
	 * repeated deploy ends the VM.
	 */
	if (!cpu_proof_lacks(ctx, f->dom, c->mark, ret_info, error))
		return OUTCOME_LATER;
	if (*ret_info)
		return OUTCOME_FINISH;
	*ret_info = g_strdup(f->uuid);

	return OUTCOME_DONE;
}

/*
 * Whether the domain was started after the request was made: then the request means an earlier
 * domain.
 */
static bool is_younger(const struct outcome_case *c, const struct outcome_found *f)
{
	gint64 age_s = qemu_process_age_s(f->uuid);

	if (c->age_s < 0)
		return false;
	if (age_s < 0)
		return false;

	return age_s + OUTCOME_AGE_SLACK_S < c->age_s;
}

static enum outcome_verdict judge_stop(struct action_ctx *ctx G_GNUC_UNUSED,
				       const struct outcome_case *c, const struct outcome_found *f,
				       char **ret_info, GError **error G_GNUC_UNUSED)
{
	if (outcome_judge_is_gone(f))
		return OUTCOME_DONE;
	if (!is_younger(c, f))
		return OUTCOME_NOT_DONE;
	*ret_info = g_strdup_printf("domain %s was started after the request was made: it is left "
				    "alone", virDomainGetName(f->dom));

	return OUTCOME_REFUSED;
}

static enum outcome_verdict judge_save(struct action_ctx *ctx, const struct outcome_case *c,
				       const struct outcome_found *f,
				       char **ret_info, GError **error)
{
	struct virt_state state = f->state;
	g_autofree char *hook = NULL;

	if (!outcome_judge_is_gone(f) && !stranded_wait_idle(ctx, f->dom, &state, error))
		return OUTCOME_LATER;
	if (f->dom && !state.gone)
		return OUTCOME_NOT_DONE;
	if (checkpoint_is_recent(ctx, c->checkpoint, c->deploy_id, c->vm_id, c->age_s)) {
		hook = datastore_hook_find(c->request, "save");
		if (!hook)
			return OUTCOME_DONE;
		*ret_info = g_strdup_printf("%s is not in its datastore yet", c->checkpoint);
		return OUTCOME_FINISH;
	}

	if (checkpoint_stored_is(c->checkpoint, c->deploy_id, c->vm_id, c->age_s))
		return OUTCOME_DONE;
	*ret_info = g_strdup_printf("the VM is gone, and %s is no checkpoint of it", c->checkpoint);
	return OUTCOME_NOT_DONE;
}

static enum outcome_verdict judge_restore(struct action_ctx *ctx G_GNUC_UNUSED,
					  const struct outcome_case *c G_GNUC_UNUSED,
					  const struct outcome_found *f, char **ret_info,
					  GError **error G_GNUC_UNUSED)
{
	if (outcome_judge_is_gone(f))
		return OUTCOME_NOT_DONE;
	if (is_up(f) && !virt_paused_for_job(&f->state))
		return OUTCOME_DONE;
	*ret_info = g_strdup("its restore was cut short: the next one ends what is left of it");
	return OUTCOME_NOT_DONE;
}

/*
 * Whether migrate has something left to do for DOM, which is at its destination: the last bytes of
 * its files, before which it stays paused, and the notes where it and its TPM's state are.
 */
static bool is_to_finish(const struct outcome_case *c, virDomain *dom,
			 const struct virt_state *state, bool *ret, GError **error)
{
	g_autoptr(xmlDoc) doc = NULL;
	bool paused = state->state == VIR_DOMAIN_PAUSED;

	*ret = paused && !tmpl_request_is_shared(c->request);
	if (!*ret && paused && !stranded_is_noted(dom, ret, error))
		return false;
	if (*ret)
		return true;

	doc = virt_xml_doc(dom, error);
	if (!doc)
		return false;
	*ret = vtpm_needed(xmlDocGetRootElement(doc));

	return true;
}

static enum outcome_verdict judge_at_destination(struct action_ctx *ctx, const char *host,
						 const struct outcome_case *c, char **ret_info,
						 GError **error)
{
	g_autofree char *uri = other_host_libvirt_uri(ctx, host);
	g_autoptr(virConnect) there = virt_open(uri, action_left_ms(ctx, OPEN_MS), error);
	g_autoptr(virDomain) dom = there ? look_up(there, c->deploy_id, error) : NULL;
	struct virt_state state = { .gone = true };
	bool unfinished;

	if (*error)
		return OUTCOME_LATER;
	if (dom && !virt_state_read(dom, &state, error))
		return OUTCOME_LATER;
	if (!virt_state_is_up(&state) || virt_paused_for_job(&state)) {
		*ret_info = g_strdup_printf("the VM is neither here nor running on %s", host);
		return OUTCOME_UNKNOWN;
	}

	if (!is_to_finish(c, dom, &state, &unfinished, error))
		return OUTCOME_LATER;
	if (!unfinished)
		return OUTCOME_DONE;
	*ret_info = g_strdup_printf("the VM is on %s, and its files or its TPM's note are not "
				    "complete there", host);

	return OUTCOME_FINISH;
}

/* Of a move to another datastore of this host. */
static enum outcome_verdict judge_stay(struct action_ctx *ctx, const struct outcome_case *c,
				       const struct outcome_found *f,
				       char **ret_info, GError **error)
{
	g_autofree char *base = xml_child_text(c->request->datastore, "BASE_PATH");
	g_autofree char *to = tmpl_request_child(c->request, "DISK_TARGET_PATH");
	g_autofree char *from = base ? g_build_filename(base, c->vm_id, NULL) : NULL;
	struct virt_state state;
	enum moved_disks moved;

	if (!from || !to || outcome_judge_is_gone(f))
		return OUTCOME_UNKNOWN;
	if (!stranded_wait_idle(ctx, f->dom, &state, error))
		return OUTCOME_LATER;
	if (state.gone)
		return OUTCOME_UNKNOWN;
	if (!moved_disks_look(ctx, f->dom, from, to, &moved, error))
		return OUTCOME_LATER;
	if (moved == MOVED_ALL)
		return OUTCOME_DONE;
	if (moved == MOVED_NONE)
		return OUTCOME_NOT_DONE;
	*ret_info = g_strdup_printf("only a part of the VM's files is in %s", to);

	return OUTCOME_FINISH;
}

static enum outcome_verdict judge_migrate(struct action_ctx *ctx, const struct outcome_case *c,
					  const struct outcome_found *f,
					  char **ret_info, GError **error)
{
	g_autofree char *to = tmpl_request_child(c->request, "MIGR_HOST");
	g_autofree char *from = tmpl_request_child(c->request, "HOST");
	g_autofree char *there = NULL;
	struct virt_state state = f->state;

	if (!wire_ssh_check_host(to, error))
		return OUTCOME_UNKNOWN;
	if (!g_strcmp0(to, from))
		return judge_stay(ctx, c, f, ret_info, error);
	if (outcome_judge_is_gone(f))
		return judge_at_destination(ctx, to, c, ret_info, error);
	if (stranded_check(ctx, f->dom, &state, &there, error)) {
		vtpm_stayed(ctx, f->dom);
		return OUTCOME_NOT_DONE;
	}

	if (!there)
		return OUTCOME_LATER;
	g_clear_error(error);
	*ret_info = g_strdup_printf("the VM runs on %s, and a paused copy is left here (hint: "
				    "migrate it there again, which ends the copy)", to);

	return OUTCOME_FINISH;
}

static enum outcome_verdict judge_absent(struct action_ctx *ctx G_GNUC_UNUSED,
					 const struct outcome_case *c,
					 const struct outcome_found *f,
					 char **ret_info, GError **error)
{
	g_autofree char *name = one_name(c);
	g_autoptr(virDomain) dom = look_up(ctx->conn, name, error);
	struct virt_state state = { .gone = true };

	if (*error)
		return OUTCOME_LATER;
	if (dom && !virt_state_read(dom, &state, error))
		return OUTCOME_LATER;
	if (outcome_judge_is_gone(f) && state.gone)
		return OUTCOME_DONE;
	*ret_info = g_strdup("the VM runs here");
	return OUTCOME_NOT_DONE;
}

static enum outcome_verdict judge_repeat(struct action_ctx *ctx G_GNUC_UNUSED,
					 const struct outcome_case *c G_GNUC_UNUSED,
					 const struct outcome_found *f G_GNUC_UNUSED,
					 char **ret_info G_GNUC_UNUSED,
					 GError **error G_GNUC_UNUSED)
{
	return OUTCOME_REPEAT;
}

static enum outcome_verdict judge_untraced(struct action_ctx *ctx G_GNUC_UNUSED,
					 const struct outcome_case *c,
					 const struct outcome_found *f G_GNUC_UNUSED,
					 char **ret_info,
					 GError **error G_GNUC_UNUSED)
{
	*ret_info = g_strdup_printf("%s leaves nothing that tells whether it was done", c->action);
	return OUTCOME_UNKNOWN;
}

#define JOB(operation) VIR_DOMAIN_JOB_OPERATION_##operation

/*
 * A call of a client that has died continues in libvirt. CATCH_UP: it may be waiting where the
 * domain is not known yet. JOB: it lets other calls in between, so that its end must be waited for;
 * a job of another kind, such as a backup, is none of the action's.
 */
static const struct {
	const char *action;
	outcome_judge *judge;
	bool catch_up;
	int job;	/* VIR_DOMAIN_JOB_OPERATION_… */
} judges[] = {
	{ "absent", judge_absent, true, VIRT_NO_JOB },
	{ "deploy", judge_deploy, true, JOB(START) },
	{ "restore", judge_restore, true, JOB(RESTORE) },
	{ "shutdown", judge_stop, false, VIRT_NO_JOB },
	{ "cancel", judge_stop, true, VIRT_NO_JOB },
	{ "save", judge_save, false, JOB(SAVE) },
	{ "migrate", judge_migrate, false, JOB(MIGRATION_OUT) },
	{ "attach_disk", outcome_guest_attach, false, VIRT_NO_JOB },
	{ "attach_nic", outcome_guest_attach, false, VIRT_NO_JOB },
	{ "detach_disk", outcome_guest_detach, false, VIRT_NO_JOB },
	{ "detach_nic", outcome_guest_detach, false, VIRT_NO_JOB },
	{ "snapshot_create", outcome_guest_snapshot_create, false, JOB(SNAPSHOT) },
	{ "snapshot_delete", outcome_guest_snapshot_delete, false, JOB(SNAPSHOT_DELETE) },
	{ "snapshot_revert", outcome_guest_snapshot_revert, true, JOB(SNAPSHOT_REVERT) },
	{ "prereconfigure", judge_repeat, false, VIRT_NO_JOB },
	{ "reconfigure", judge_repeat, false, VIRT_NO_JOB },
	{ "resize", judge_repeat, false, VIRT_NO_JOB },
	{ "resize_disk", judge_repeat, false, VIRT_NO_JOB },
	{ "exec_cancel", judge_repeat, false, VIRT_NO_JOB },
	{ "poll", judge_repeat, false, VIRT_NO_JOB },
	{ "reboot", judge_untraced, false, VIRT_NO_JOB },
	{ "reset", judge_untraced, false, VIRT_NO_JOB },
	{ "exec", judge_untraced, false, VIRT_NO_JOB },
};

/*
 * Until libvirt has ended what it does for the domain of F, also the long job JOB, and F has the
 * state of then. VMM_ERROR_TIMEOUT: it has not.
 */
static bool wait_for_call(const struct action_ctx *ctx, struct outcome_found *f, int job,
			  GError **error)
{
	unsigned limit_ms = action_left_ms(ctx, CATCH_UP_MS);
	gint64 until_us = deadline_in_ms(limit_ms);
	int operation;

	do {
		if (!virt_domain_barrier(f->dom, limit_ms, &operation, error))
			return false;
		if (operation == VIRT_NO_JOB || operation != job)
			return virt_state_read(f->dom, &f->state, error);
	} while (deadline_pause(until_us, TICK_MS));

	return vmm_fail(error, VMM_ERROR_TIMEOUT, "libvirt is still working on domain %s",
			virDomainGetName(f->dom));
}

static bool find(struct action_ctx *ctx, const struct outcome_case *c, bool catch_up,
		 struct outcome_found *f, GError **error)
{
	if (catch_up && !virt_barrier(ctx->conn, action_left_ms(ctx, CATCH_UP_MS), error))
		return false;
	if (*c->deploy_id)
		f->dom = look_up(ctx->conn, c->deploy_id, error);
	if (!f->dom && !*error && c->mark)
		f->dom = look_up_marked(ctx->conn, c, error);
	if (f->dom && virDomainGetUUIDString(f->dom, f->uuid) < 0)
		virt_fail(error, "cannot read the UUID of domain %s", virDomainGetName(f->dom));

	return !*error;
}

bool outcome_query(struct action_ctx *ctx, const struct outcome_case *c, enum outcome_verdict *ret,
		   char **ret_info, GError **error)
{
	struct outcome_found f = { .state.gone = true };
	g_autoptr(GError) cause = NULL;

	*ret_info = NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(judges); i++) {
		if (!g_str_equal(judges[i].action, c->action))
			continue;
		*ret = OUTCOME_LATER;
		if (!find(ctx, c, judges[i].catch_up, &f, &cause))
			;
		else if (!f.dom || wait_for_call(ctx, &f, judges[i].job, &cause))
			*ret = judges[i].judge(ctx, c, &f, ret_info, &cause);
		else if (vmm_is(cause, VMM_ERROR_TIMEOUT))
			*ret = OUTCOME_IN_PROGRESS;
		if (cause && !*ret_info)
			*ret_info = vmm_error_line(cause);
		if (f.dom)
			virDomainFree(f.dom);
		return true;
	}

	return vmm_fail(error, VMM_ERROR_USAGE, "there is no action '%s'", c->action);
}
