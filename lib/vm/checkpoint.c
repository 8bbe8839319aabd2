/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/stranded.h"
#include "action/progress.h"
#include "action/reconcile.h"
#include "vm/domain_paths.h"
#include "vm/checkpoint_use.h"
#include "action/abort.h"
#include "base/deadline.h"
#include "base/file.h"
#include "action/busy.h"
#include "virt/virt_error.h"
#include "virt/pause.h"

enum {
	RECENT_S = 600,		/* longer than anybody waits before asking again */
	FIND_MS = 3000, PAUSE_MS = 200, HALF_MS = 10000,
	CATCH_UP_MS = 10000, TICK_MS = 100,
	GRACE_S = 20,		/* for a restore to end when a signal came */
};

static char *part_of(const char *file)
{
	return g_strconcat(file, ".part", NULL);
}

xmlDoc *checkpoint_domain(const struct action_ctx *ctx, const char *path, GError **error)
{
	char *text = virDomainSaveImageGetXMLDesc(ctx->conn, path,
						  VIR_DOMAIN_SAVE_IMAGE_XML_SECURE);
	xmlDoc *doc;

	if (!text) {
		virt_fail(error, "cannot read checkpoint %s", path);
		return NULL;
	}

	doc = xml_parse(text, strlen(text), path, error);
	free(text);

	return doc;
}

/* PART is complete: gives it its name. */
static bool complete(const char *part, const char *file, GError **error)
{
	if (!file_rename(part, file, error))
		return false;
	checkpoint_use_reset(file);
	return true;
}

bool checkpoint_recover(const struct action_ctx *ctx, const char *file, GError **error)
{
	g_autofree char *part = part_of(file);
	g_autoptr(xmlDoc) doc = NULL;
	struct stat st;

	if (lstat(file, &st) == 0)
		return S_ISREG(st.st_mode) || vmm_fail(error, VMM_ERROR_INPUT, "checkpoint %s is "
						       "no regular file", file);
	if (lstat(part, &st) == 0 && S_ISREG(st.st_mode))
		doc = checkpoint_domain(ctx, part, error);
	else
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "there is no checkpoint %s", file);

	if (!doc)
		return false;

	return complete(part, file, error);
}

bool checkpoint_is_recent(const struct action_ctx *ctx, const char *file, const char *deploy_id,
			  const char *vm_id)
{
	g_autofree char *own = g_strdup_printf("one-%s", vm_id ? vm_id : "");
	g_autofree char *name = NULL, *uuid = NULL;
	g_autoptr(xmlDoc) doc = NULL;
	struct stat st;

	if (!checkpoint_recover(ctx, file, NULL))
		return false;
	if (lstat(file, &st) < 0)
		return false;
	if (st.st_mtime < time(NULL) - RECENT_S)
		return false;
	if (checkpoint_use_knows(file, file))
		return false;
	doc = checkpoint_domain(ctx, file, NULL);
	if (!doc)
		return false;
	name = xml_child_text(xmlDocGetRootElement(doc), "name");
	uuid = xml_child_text(xmlDocGetRootElement(doc), "uuid");
	if (!g_strcmp0(name, deploy_id))
		return true;
	if (!g_strcmp0(name, own))
		return true;

	return uuid && !g_ascii_strcasecmp(uuid, deploy_id);
}

/* Makes room for FILE and an empty PART that only we may read; libvirt keeps its mode. */
static bool prepare_file(const char *file, const char *part, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(file);
	g_autofree char *old = g_strdup_printf("%s.%" G_GINT64_FORMAT, file,
					       g_get_real_time() / G_USEC_PER_SEC);
	struct stat st;
	int fd;

	if (!file_make_directory(directory, error))
		return false;
	if (lstat(file, &st) == 0) {
		if (!S_ISREG(st.st_mode))	/* a FIFO would stop libvirtd as a whole */
			return vmm_fail(error, VMM_ERROR_INPUT, "checkpoint %s: something that "
					"is no regular file is in its place", file);
		if (!file_rename(file, old, error))
			return false;
		action_log("INFO", "an older checkpoint is now %s", old);
	}

	if (unlink(part) < 0 && errno != ENOENT)
		return vmm_fail_errno(error, errno, "cannot replace %s", part);
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", part);
	close(fd);

	return true;
}

struct saving {
	virDomain *dom;
	char *path;
	unsigned flags;
};

static void saving_free(void *data)
{
	struct saving *s = data;

	virDomainFree(s->dom);
	g_free(s->path);
	g_free(s);
}

static bool save(void *data, GError **error)
{
	struct saving *s = data;

	if (virDomainSaveFlags(s->dom, s->path, NULL, s->flags) == 0)
		return true;

	return virt_fail(error, "cannot save domain %s to %s", virDomainGetName(s->dom), s->path);
}

static enum virt_call_result save_once(struct action_ctx *ctx, virDomain *dom, const char *part,
				       unsigned flags, bool *ret_aborted, GError **error)
{
	struct virt_job job = progress_job(ctx, dom);
	struct saving *s = g_new0(struct saving, 1);
	enum virt_call_result r;

	s->dom = virt_domain_ref(dom);
	s->path = g_strdup(part);
	s->flags = flags;
	job.operation = VIR_DOMAIN_JOB_OPERATION_SAVE;
	job.func = save;
	job.data = s;
	job.free_data = saving_free;
	r = virt_job_run(&job, ret_aborted, error);
	if (r != VIRT_CALL_TIMED_OUT)
		saving_free(s);

	return r;
}

/* The outcome of a save that failed, was aborted, or whose result was lost; CAUSE says which. */
static enum action_outcome judge_save(struct action_ctx *ctx, virDomain *first, const char *part,
				      GError *cause, GError **error)
{
	g_autoptr(virDomain) dom = virt_domain_ref(first);
	g_autoptr(xmlDoc) doc = NULL;
	struct virt_state state = { .gone = true };
	enum reconcile found = reconcile_domain(ctx, &dom, NULL);
	bool known = found != RECONCILE_UNKNOWN;

	if (found != RECONCILE_GONE)
		known = known && virt_wait_idle(dom, true, &state, NULL);
	if (!known) {
		g_propagate_error(error, cause);
		return ACTION_UNKNOWN;
	}

	if (!state.gone) {
		unlink(part);
		g_propagate_error(error, cause);
		return ACTION_FAILED;
	}

	doc = checkpoint_domain(ctx, part, NULL);
	if (doc) {
		g_error_free(cause);
		return ACTION_DONE;
	}

	g_propagate_error(error, cause);
	vmm_error_set_hint(error, "the VM ended before its memory was saved");

	return ACTION_FAILED;
}

enum action_outcome checkpoint_save(struct action_ctx *ctx, virDomain *dom, const char *file,
				    GError **error)
{
	g_autofree char *name = g_strdup(virDomainGetName(dom)), *part = part_of(file);
	enum virt_call_result r;
	enum action_outcome outcome;
	g_autoptr(GError) cause = NULL;
	struct virt_state state;
	bool aborted = false;
	unsigned flags;

	if (!virt_state_read(dom, &state, error))
		return ACTION_FAILED;
	if (!stranded_check(ctx, dom, &state, NULL, error))
		return ACTION_FAILED;
	if (!prepare_file(file, part, error))
		return ACTION_FAILED;
	/* One that its guest suspended is woken by the save, and must not be restored paused. */
	if (state.state == VIR_DOMAIN_PMSUSPENDED)
		flags = VIR_DOMAIN_SAVE_RUNNING;
	else
		flags = 0;
	action_on_abort(ACTION_UNKNOWN, "saving domain %s", name);
	for (int try = 1;; try++) {
		g_clear_error(&cause);
		r = save_once(ctx, dom, part, flags, &aborted, &cause);
		if (aborted)
			break;
		if (!action_busy_passed(ctx, dom, try, cause))
			break;
	}

	if (r == VIRT_CALL_OK)
		return complete(part, file, error) ? ACTION_DONE : ACTION_UNKNOWN;
	if (aborted) {
		g_clear_error(&cause);
		progress_fail(&cause, "saving domain %s", name);
	}

	if (r == VIRT_CALL_TIMED_OUT) {
		vmm_pass(error, &cause);
		return ACTION_UNKNOWN;
	}

	outcome = judge_save(ctx, dom, part, g_steal_pointer(&cause), error);
	if (outcome == ACTION_DONE && !complete(part, file, error))
		return ACTION_UNKNOWN;

	return outcome;
}

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

bool checkpoint_end_half(const struct action_ctx *ctx, virDomain *dom, bool *ret_ended,
			 GError **error)
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

	if (!stranded_is_not_there(ctx, dom, error))
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

/*
 * libvirt cannot abort it, and to destroy the domain could hit a guest that has just begun to run:
 * who asks for the end gets the answer of a restore that ends in time, else "unknown".
 */
static bool restore_tick(void *data)
{
	struct restoring *r = data;

	r->asked = r->asked || abort_requested();
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
	g_autofree char *hint = NULL;

	if (checkpoint_use_knows(file, file))
		return refuse_used(name, file, "a guest ran from it already", "its memory is older "
				   "than what the guest wrote since: start the VM from its disks, "
				   "and remove the file", error);
	if (checkpoint_use_look(domain, file, &disk) != CHECKPOINT_DISKS_NEWER)
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
	struct virt_state state;

	/* What libvirt left when the last step failed has not run. */
	if (dom && virt_state_read(dom, &state, NULL) && is_half(&state))
		virDomainDestroyFlags(dom, 0);
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
		return refuse_used(name, file, "a restore of it did not end, and whether its "
				   "guest ran since cannot be told", hint, error);
	}
}

bool checkpoint_settle(const struct action_ctx *ctx, const char *file, const char *vm_id,
		       GError **error)
{
	/* Another file was put there since: FILE.restoring no longer matters. */
	if (!checkpoint_use_has(file))
		return true;
	if (access(file, F_OK) == 0 && !checkpoint_use_is_begun(file))
		return true;
	return decide_begun(ctx, file, vm_id, error);
}
