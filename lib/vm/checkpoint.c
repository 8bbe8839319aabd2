/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "vm/stranded.h"
#include "action/progress.h"
#include "action/reconcile.h"
#include "vm/awake.h"
#include "vm/checkpoint_use.h"
#include "base/file.h"
#include "base/text.h"
#include "action/busy.h"
#include "virt/virt_error.h"

enum { RECENT_S = 600 };	/* longer than oned waits before it asks again */

static char *part_of(const char *file)
{
	return g_strconcat(file, ".part", NULL);
}

xmlDoc *checkpoint_domain(const struct action_ctx *ctx, const char *path, GError **error)
{
	struct stat st;
	xmlDoc *doc;
	char *text;

	/* libvirtd would wait for the other end of a FIFO. */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		vmm_fail(error, VMM_ERROR_INPUT, "checkpoint %s is no regular file", path);
		return NULL;
	}

	text = virDomainSaveImageGetXMLDesc(ctx->conn, path, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE);
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

/* Whether DOMAIN of a checkpoint is that of the VM; DEPLOY_ID: its name or UUID. */
static bool is_of(const xmlNode *domain, const char *deploy_id, const char *vm_id)
{
	g_autofree char *own = g_strdup_printf("one-%s", text_or(vm_id, ""));
	g_autofree char *name = xml_child_text(domain, "name");
	g_autofree char *uuid = xml_child_text(domain, "uuid");

	if (!g_strcmp0(name, deploy_id))
		return true;
	if (!g_strcmp0(name, own))
		return true;

	return uuid && !g_ascii_strcasecmp(uuid, deploy_id);
}

xmlDoc *checkpoint_domain_of(const struct action_ctx *ctx, const char *path, const char *deploy_id,
			     const char *vm_id, GError **error)
{
	g_autoptr(xmlDoc) doc = checkpoint_domain(ctx, path, error);
	const xmlNode *domain = xmlDocGetRootElement(doc);
	g_autofree char *name = xml_child_text(domain, "name");

	if (!doc)
		return NULL;
	if (!name) {
		vmm_fail(error, VMM_ERROR_INPUT, "checkpoint %s: its domain has no name", path);
		return NULL;
	}

	if (!deploy_id || is_of(domain, deploy_id, vm_id))
		return g_steal_pointer(&doc);

	vmm_fail(error, VMM_ERROR_REFUSED, "cannot restore domain %s: %s is the checkpoint of "
		 "domain %s", deploy_id, path, name);
	vmm_error_set_hint(error, "find its own checkpoint; the file was kept");

	return NULL;
}

bool checkpoint_is_recent(const struct action_ctx *ctx, const char *file, const char *deploy_id,
			  const char *vm_id, gint64 age_s)
{
	g_autoptr(xmlDoc) doc = NULL;
	struct stat st;

	if (!checkpoint_recover(ctx, file, NULL))
		return false;
	if (lstat(file, &st) < 0)
		return false;
	if (st.st_mtime < time(NULL) - MAX(RECENT_S, age_s))
		return false;
	if (checkpoint_use_knows(file, file))
		return false;
	doc = checkpoint_domain(ctx, file, NULL);

	return doc && is_of(xmlDocGetRootElement(doc), deploy_id, vm_id);
}

/*
 * A file with OpenNebula's name for checkpoints is one, whole or not. Another name was typed by
 * hand and may be a disk: if it were put aside, its VM would lose that disk.
 */
static bool check_older(const struct action_ctx *ctx, const char *file, GError **error)
{
	g_autofree char *name = g_path_get_basename(file);
	g_autoptr(xmlDoc) doc = NULL;

	if (g_str_equal(name, "checkpoint"))
		return true;
	doc = checkpoint_domain(ctx, file, NULL);
	if (doc)
		return true;

	vmm_fail(error, VMM_ERROR_EXISTS, "cannot save to %s: that file is no checkpoint", file);
	vmm_error_set_hint(error, "name a file that is not there");

	return false;
}

/* Makes room for FILE and an empty PART that only we may read; libvirt keeps its mode. */
static bool prepare_file(const struct action_ctx *ctx, const char *file, const char *part,
			 GError **error)
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
		if (!check_older(ctx, file, error))
			return false;
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
		known = known && stranded_wait_idle(ctx, dom, &state, NULL);
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
	if (!prepare_file(ctx, file, part, error))
		return ACTION_FAILED;
	if (!awake_guest(ctx, dom, error))
		return ACTION_FAILED;
	/*
	 * The guest must run when it is restored, even if it suspends itself again before it is
	 * saved.
	 */
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
