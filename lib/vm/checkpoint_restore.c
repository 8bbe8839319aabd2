/* SPDX-License-Identifier: Apache-2.0 */
/* The half of checkpoint.h that makes guests run again. */
#include "vm/checkpoint.h"

#include <sys/stat.h>

#include "vm/stranded.h"
#include "action/progress.h"
#include "vm/domain_paths.h"
#include "vm/checkpoint_use.h"
#include "action/abort.h"
#include "base/deadline.h"
#include "virt/domain_job.h"
#include "virt/virt_error.h"
#include "virt/pause.h"
#include "virt/qemu_process.h"

enum {
	FIND_MS = 3000, PAUSE_MS = 200, HALF_MS = 10000,
	CATCH_UP_MS = 10000, TICK_MS = 100, WORK_MS = 5000,
	GRACE_S = 20,		/* for a restore to end when a signal came */
};

/* Whether a second attempt may go better. */
static bool is_worth_a_retry(const GError *cause, bool of_system)
{
	if (vmm_is(cause, VMM_ERROR_BUSY))
		return true;
	if (vmm_is(cause, VMM_ERROR_NO_RESOURCE))
		return true;

	return of_system && !vmm_is(cause, VMM_ERROR_NOT_FOUND) &&
	       !vmm_is(cause, VMM_ERROR_PERMISSION);
}

static bool is_half(const struct virt_state *s)
{
	if (s->gone)
		return false;
	if (s->state != VIR_DOMAIN_PAUSED)
		return false;

	return s->reason == VIR_DOMAIN_PAUSED_MIGRATION ||
	       s->reason == VIR_DOMAIN_PAUSED_STARTING_UP;
}

/*
 * Whether libvirt has ended its call that starts DOM. In the middle of it the guest may begin to
 * run at any moment. False: it has not, and ERROR is set.
 */
static bool has_ended_start(virDomain *dom, GError **error)
{
	int operation;

	if (!virt_domain_barrier(dom, WORK_MS, &operation, error))
		return false;
	if (operation == VIRT_NO_JOB)
		return true;
	vmm_fail(error, VMM_ERROR_BUSY, "libvirt still starts domain %s", virDomainGetName(dom));
	vmm_error_set_hint(error, "try again when it runs; if its QEMU hangs, end it (virsh "
			   "destroy)");

	return false;
}

bool checkpoint_end_half(const struct action_ctx *ctx, virDomain *dom, const char *path,
			 bool *ret_ended, GError **error)
{
	gint64 until_us = deadline_in_ms(HALF_MS);
	struct virt_state state;

	*ret_ended = false;
	for (;;) {
		if (!virt_state_read(dom, &state, error))
			return false;
		if (!is_half(&state))
			return true;
		if (!deadline_pause(until_us, PAUSE_MS))
			break;
	}

	if (!has_ended_start(dom, error))
		return false;
	if (!virt_state_read(dom, &state, error))
		return false;
	if (!is_half(&state))
		return true;
	if (!stranded_is_no_vm(ctx, dom, path, error))
		return false;
	action_log("WARN", "domain %s is left over from a restore that did not end: it is restored "
		   "again", virDomainGetName(dom));
	*ret_ended = virDomainDestroyFlags(dom, 0) == 0;
	if (*ret_ended)
		return true;

	return virt_fail(error, "cannot end domain %s", virDomainGetName(dom));
}

/* The domain named in a checkpoint: its UUID, else its name. The caller frees. */
static char *id_of(const xmlNode *domain)
{
	char *uuid = xml_child_text(domain, "uuid");

	if (uuid)
		return uuid;

	return xml_child_text(domain, "name");
}

/*
 * After a lost connection: a daemon that ends takes a guest half started with it. There was no
 * domain yet that reconcile_domain() could look for.
 */
static enum action_outcome find_restored(struct action_ctx *ctx, const char *id,
				      virDomain **ret_dom, GError *cause, GError **error)
{
	g_autoptr(GError) lost = NULL;
	struct virt_state state;
	gint64 until_us;

	/* On a connection that was only cut the restore may not even have begun. */
	if (!action_reconnect(ctx, &lost) ||
	    !virt_barrier(ctx->conn, action_left_ms(ctx, CATCH_UP_MS), &lost)) {
		g_propagate_error(error, cause);
		return ACTION_UNKNOWN;
	}

	until_us = deadline_in_ms(FIND_MS);
	while (!deadline_passed(until_us)) {
		g_autoptr(virDomain) dom = virt_domain(ctx->conn, id, NULL, NULL);

		if (dom && virt_state_read(dom, &state, NULL) && virt_state_is_up(&state) &&
		    !virt_paused_for_job(&state)) {
			*ret_dom = g_steal_pointer(&dom);
			g_error_free(cause);
			return ACTION_DONE;
		}

		if (!dom && virt_last_is(VIR_ERR_NO_DOMAIN))
			break;
		g_usleep(PAUSE_MS * 1000);
	}

	g_propagate_error(error, cause);

	if (deadline_passed(until_us))
		return ACTION_UNKNOWN;

	return ACTION_FAILED;
}

/* A restore on a thread of its own, and what its watcher needs. */
struct restoring {
	virConnect *conn;
	char *path, *xml;
	char *id, *what;	/* its UUID, else its name; for messages */
	bool asked;		/* a signal came: it is not tried again */
	bool of_system;		/* libvirt's error was one of the system */
	gint64 begun_us, shown_us;
};

static void restoring_free(void *data)
{
	struct restoring *r = data;

	virConnectClose(r->conn);
	g_free(r->path);
	g_free(r->xml);
	g_free(r->id);
	g_free(r->what);
	g_free(r);
}

static bool restore_call(void *data, GError **error)
{
	struct restoring *r = data;

	if (virDomainRestoreFlags(r->conn, r->path, r->xml, 0) == 0)
		return true;
	virt_fail(error, "%s", r->what);
	r->of_system = virt_last_is(VIR_ERR_SYSTEM_ERROR);

	return false;
}

/* libvirt has no figures of a restore: how much of the file QEMU has read. */
static void show_restore(struct restoring *r)
{
	gint64 now = g_get_monotonic_time();
	struct virt_progress p = { .elapsed_ms = (now - r->begun_us) / 1000, .downtime_ms = -1 };
	guint64 has_read = 0;
	struct stat st;

	if (now - r->shown_us < G_USEC_PER_SEC)
		return;

	r->shown_us = now;
	if (stat(r->path, &st) == 0 && qemu_process_has_read(r->id, r->path, &has_read)) {
		p.total_bytes = (guint64)st.st_size;
		p.remaining_bytes = p.total_bytes - MIN(has_read, p.total_bytes);
	}

	progress_show(&p);
}

/*
 * libvirt cannot abort it, and to destroy the domain could hit a guest that has just begun to run:
 * who asks for the end gets the answer of a restore that ends in time, else "unknown".
 */
static bool restore_tick(void *data)
{
	struct restoring *r = data;

	r->asked = r->asked || abort_requested();
	show_restore(r);

	return true;
}

/* What is restored: FILE, now called PATH, with XML or NULL. */
struct restore {
	const char *file, *path, *xml;
	char *id, *name;
};

static enum virt_call_result restore_once(struct action_ctx *ctx, const struct restore *w,
					  struct restoring **ret, GError **error)
{
	struct restoring *r = g_new0(struct restoring, 1);
	const struct virt_call_watch watch = { TICK_MS, restore_tick, r };

	virConnectRef(ctx->conn);
	*r = (struct restoring){ .conn = ctx->conn, .path = g_strdup(w->path),
				 .xml = g_strdup(w->xml), .id = g_strdup(w->id) };
	r->what = g_strdup_printf("cannot restore domain %s from %s", w->name, w->file);
	r->begun_us = r->shown_us = g_get_monotonic_time();
	abort_defer(GRACE_S);
	*ret = r;
	return virt_call_watched(restore_call, r, restoring_free, &watch, error);
}

/* FAILED: libvirt says that it does not run. */
static enum action_outcome restore_tries(struct action_ctx *ctx, const struct restore *w,
					 virDomain **ret_dom, GError **error)
{
	gint64 tries = conf_kvmrc_tries(ctx->rc);
	g_autoptr(GError) cause = NULL;

	for (gint64 i = 0; i < tries; i++) {
		struct restoring *r;
		bool asked, of_system;

		g_clear_error(&cause);
		if (i)
			g_usleep(G_USEC_PER_SEC);
		if (restore_once(ctx, w, &r, &cause) == VIRT_CALL_OK) {
			restoring_free(r);
			*ret_dom = virt_domain(ctx->conn, w->id, NULL, error);
			if (*ret_dom)
				return ACTION_DONE;

			return ACTION_UNKNOWN;
		}

		asked = r->asked;
		of_system = r->of_system;
		restoring_free(r);
		if (virConnectIsAlive(ctx->conn) != 1)
			return find_restored(ctx, w->id, ret_dom, g_steal_pointer(&cause), error);
		if (asked)
			break;
		if (!is_worth_a_retry(cause, of_system))
			break;
		action_log("WARN", "%s", cause->message);
	}

	vmm_pass(error, &cause);

	return ACTION_FAILED;
}

static bool refuse_used(const char *name, const char *file, const char *why, const char *hint,
			GError **error)
{
	vmm_fail(error, VMM_ERROR_REFUSED, "cannot restore domain %s from %s: %s", name, file,
		 why);
	vmm_error_set_hint(error, "%s", hint);
	return false;
}

/* Whether FILE may be used: never before, and not with newer disks. */
static bool check_unused(const xmlNode *domain, const char *file, GError **error)
{
	g_autofree char *name = xml_child_text(domain, "name"), *disk = NULL, *why = NULL;
	g_autofree char *hint = NULL, *note = NULL;
	enum checkpoint_disks disks;

	if (checkpoint_use_knows(file, file))
		return refuse_used(name, file, "a guest ran from it already", "its memory is older "
				   "than what the guest wrote since: start the VM from its disks, "
				   "and remove the file", error);
	disks = checkpoint_use_look(domain, file, &disk);
	if (disks == CHECKPOINT_DISKS_UNKNOWN && checkpoint_use_is_older(domain, file, &note)) {
		hint = g_strdup_printf("an older memory destroys newer file systems: start the VM "
				       "from its disks; if you know that it wrote nothing, remove "
				       "%s and restore again", note);
		return refuse_used(name, file, "the VM was started from its disks after it", hint,
				   error);
	}

	if (disks != CHECKPOINT_DISKS_NEWER)
		return true;
	why = g_strdup_printf("disk %s was written after it", disk);
	hint = g_strdup_printf("an older memory destroys newer file systems: start the VM from its "
			       "disks; if you know that nothing but a snapshot was made, touch %s "
			       "and restore again", file);

	return refuse_used(name, file, why, hint, error);
}

/* A restore failed, so libvirt says: whether it is certain that no guest ran from FILE. */
static void give_back(struct action_ctx *ctx, const xmlNode *domain, const char *file,
		      GError **error)
{
	g_autofree char *path = checkpoint_use_path(file), *id = id_of(domain), *disk = NULL;
	g_autoptr(virDomain) dom = virt_domain(ctx->conn, id, NULL, NULL);
	g_autoptr(GError) fault = NULL;
	bool ended;

	/*
	 * DOM is what libvirt left when the last step failed, or the VM, whose presence made it
	 * fail.
	 */
	if (dom && !checkpoint_end_half(ctx, dom, path, &ended, &fault))
		action_log("WARN", "%s", fault->message);
	g_clear_error(&fault);
	if (checkpoint_use_look(domain, path, &disk) == CHECKPOINT_DISKS_NEWER)
		vmm_error_set_hint(error, "disk %s was written since: the checkpoint is now %s, "
				   "and is not to be used again", disk, path);
	else if (!checkpoint_use_undo(file, &fault))
		vmm_error_set_hint(error, "the checkpoint is now %s: %s", path, fault->message);
}

enum action_outcome checkpoint_restore(struct action_ctx *ctx, const char *file,
				       const xmlNode *domain, const char *xml,
				       virDomain **ret_dom, GError **error)
{
	g_autofree char *path = checkpoint_use_path(file), *id = id_of(domain);
	g_autofree char *name = xml_child_text(domain, "name");
	const struct restore w = { .file = file, .path = path, .xml = xml, .id = id,
				   .name = name };
	enum action_outcome outcome;

	if (!check_unused(domain, file, error))
		return ACTION_FAILED;
	if (!checkpoint_use_begin(file, error))
		return ACTION_FAILED;
	action_on_abort(ACTION_UNKNOWN, "restoring domain %s", name);
	outcome = restore_tries(ctx, &w, ret_dom, error);
	if (outcome == ACTION_DONE)
		checkpoint_use_end(file);
	else if (outcome == ACTION_FAILED)
		give_back(ctx, domain, file, error);

	return outcome;
}

/* FILE.restoring is there, and its domain is not. */
static bool decide_begun(const struct action_ctx *ctx, const char *file, const char *vm_id,
			 GError **error)
{
	g_autofree char *path = checkpoint_use_path(file), *disk = NULL, *name = NULL, *hint = NULL;
	g_autoptr(xmlDoc) doc = checkpoint_domain(ctx, path, error);
	xmlNode *domain = xmlDocGetRootElement(doc);

	if (!doc)
		return false;
	name = xml_child_text(domain, "name");
	domain_paths_rewrite(domain, file, vm_id);
	switch (checkpoint_use_look(domain, path, &disk)) {
	case CHECKPOINT_DISKS_OLDER:
		action_log("WARN", "a restore of domain %s did not end, and its guest never ran: "
			   "it is restored again", name);
		return checkpoint_use_undo(file, error);
	case CHECKPOINT_DISKS_NEWER:
		hint = g_strdup_printf("disk %s was written since: start the VM from its "
				       "disks, and remove %s", disk, path);
		return refuse_used(name, file, "a guest ran from it already", hint, error);
	default:
		hint = g_strdup_printf("if it certainly did not, rename %s to %s and "
				       "restore again; else start the VM from its disks", path,
				       file);
		return refuse_used(name, file, "a restore of it did not end, and it is "
				   "unknown whether its guest has run since", hint, error);
	}
}

bool checkpoint_may_restore(const struct action_ctx *ctx, const char *file, const char *vm_id,
			    GError **error)
{
	/* Another file was put there since: FILE.restoring no longer matters. */
	if (!checkpoint_use_has(file))
		return true;
	if (access(file, F_OK) == 0 && !checkpoint_use_is_begun(file))
		return true;
	return decide_begun(ctx, file, vm_id, error);
}
