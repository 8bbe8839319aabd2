#include "action/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action/leaving.h"
#include "action/progress.h"
#include "base/file.h"
#include "virt/block.h"
#include "virt/error.h"
#include "virt/settle.h"

enum {
	RECENT_S = 600,		/* longer than anybody waits before asking again */
	BLOCKS_MS = 15000, SETTLE_US = 3000000, PAUSE_US = 200000, TRIES = 3, HALF_US = 10000000,
	CATCH_UP_MS = 10000,
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
	doc = tmpl_xml_parse(text, strlen(text), path, error);
	free(text);
	return doc;
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
	return doc && file_rename(part, file, error);
}

bool checkpoint_is_recent(const struct action_ctx *ctx, const char *file, const char *deploy_id,
			  const char *vm_id)
{
	g_autofree char *own = g_strdup_printf("one-%s", vm_id ? vm_id : "");
	g_autofree char *name = NULL, *uuid = NULL;
	g_autoptr(xmlDoc) doc = NULL;
	struct stat st;

	if (!checkpoint_recover(ctx, file, NULL) || lstat(file, &st) < 0 ||
	    st.st_mtime < time(NULL) - RECENT_S)
		return false;
	doc = checkpoint_domain(ctx, file, NULL);
	if (!doc)
		return false;
	name = tmpl_xml_child_text(xmlDocGetRootElement(doc), "name");
	uuid = tmpl_xml_child_text(xmlDocGetRootElement(doc), "uuid");
	return !g_strcmp0(name, deploy_id) || !g_strcmp0(name, own) ||
	       (uuid && !g_ascii_strcasecmp(uuid, deploy_id));
}

/* Makes room for FILE and an empty PART that only we may read; libvirt keeps its mode. */
static bool prepare(const char *file, const char *part, GError **error)
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

	return virDomainSaveFlags(s->dom, s->path, NULL, s->flags) == 0 ||
	       virt_fail(error, "cannot save domain %s to %s", virDomainGetName(s->dom), s->path);
}

static enum virt_late save_once(struct action_ctx *ctx, virDomain *dom, const char *part,
				unsigned flags, bool *ret_aborted, GError **error)
{
	struct virt_job job = progress_job(ctx, dom);
	struct saving *s = g_new0(struct saving, 1);
	enum virt_late r;

	virDomainRef(dom);
	s->dom = dom;
	s->path = g_strdup(part);
	s->flags = flags;
	job.func = save;
	job.data = s;
	job.free_data = saving_free;
	r = virt_job_run(&job, ret_aborted, error);
	if (r != VIRT_LATE_LATE)
		saving_free(s);
	return r;
}

/* What became of a save that failed, was aborted, or whose end was not heard; CAUSE says which. */
static enum action_outcome settle(struct action_ctx *ctx, virDomain *first, const char *part,
				  GError *cause, GError **error)
{
	g_autoptr(virDomain) dom = NULL;
	g_autoptr(xmlDoc) doc = NULL;
	g_autoptr(GError) lost = NULL;
	struct virt_state state = { .gone = true };

	if (virConnectIsAlive(ctx->conn) == 1) {
		virDomainRef(first);
		dom = first;
	} else {
		dom = action_domain_again(ctx, first, &lost);
	}
	if ((!dom && !g_error_matches(lost, VMM_ERROR, VMM_ERROR_NOT_FOUND)) ||
	    (dom && !virt_settle(dom, true, &state, &lost))) {
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
	enum virt_late r = VIRT_LATE_FAILED;
	enum action_outcome outcome;
	g_autoptr(GError) cause = NULL;
	struct virt_state state;
	bool aborted = false;
	unsigned flags;

	if (!virt_state(dom, &state, error) ||
	    !leaving_settle(ctx, dom, &state, NULL, error) ||
	    !prepare(file, part, error))
		return ACTION_FAILED;
	/* One that its guest suspended is woken by the save, and must not be restored paused. */
	flags = state.state == VIR_DOMAIN_PMSUSPENDED ? VIR_DOMAIN_SAVE_RUNNING : 0;
	action_outcome(ACTION_UNKNOWN, "saving domain %s", name);
	for (int i = 0; i < TRIES && r == VIRT_LATE_FAILED && !aborted; i++) {
		g_clear_error(&cause);
		r = save_once(ctx, dom, part, flags, &aborted, &cause);
		if (!g_error_matches(cause, VMM_ERROR, VMM_ERROR_BUSY) ||
		    !virt_block_wait(dom, action_left_ms(ctx, BLOCKS_MS), NULL))
			break;
	}
	if (r == VIRT_LATE_OK)
		return file_rename(part, file, error) ? ACTION_DONE : ACTION_UNKNOWN;
	if (aborted) {
		g_clear_error(&cause);
		progress_fail(&cause, "saving domain %s", name);
	}
	if (r == VIRT_LATE_LATE) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return ACTION_UNKNOWN;
	}
	outcome = settle(ctx, dom, part, g_steal_pointer(&cause), error);
	if (outcome == ACTION_DONE && !file_rename(part, file, error))
		return ACTION_UNKNOWN;
	return outcome;
}

/* Whether a second attempt may go better. */
static bool is_worth_a_retry(const GError *cause, bool of_system)
{
	return g_error_matches(cause, VMM_ERROR, VMM_ERROR_BUSY) ||
	       g_error_matches(cause, VMM_ERROR, VMM_ERROR_NO_RESOURCE) ||
	       (of_system && !g_error_matches(cause, VMM_ERROR, VMM_ERROR_NOT_FOUND) &&
		!g_error_matches(cause, VMM_ERROR, VMM_ERROR_PERMISSION));
}

static bool is_half(const struct virt_state *s)
{
	return !s->gone && s->state == VIR_DOMAIN_PAUSED &&
	       (s->reason == VIR_DOMAIN_PAUSED_MIGRATION ||
		s->reason == VIR_DOMAIN_PAUSED_STARTING_UP);
}

bool checkpoint_end_half(const struct action_ctx *ctx, virDomain *dom, bool *ret_ended,
			 GError **error)
{
	gint64 until_us = g_get_monotonic_time() + HALF_US;
	struct virt_state state;

	*ret_ended = false;
	for (;;) {
		if (!virt_state(dom, &state, error))
			return false;
		if (!is_half(&state))
			return true;
		if (g_get_monotonic_time() >= until_us)
			break;
		g_usleep(PAUSE_US);
	}
	if (!leaving_is_not_there(ctx, dom, error))
		return false;
	action_log("WARN", "domain %s is left over from a restore that did not end: it is restored "
		   "again", virDomainGetName(dom));
	*ret_ended = virDomainDestroyFlags(dom, 0) == 0;
	return *ret_ended || virt_fail(error, "cannot end domain %s", virDomainGetName(dom));
}

/* After a lost connection: a daemon that ends takes a guest half started with it. */
static enum action_outcome look_again(struct action_ctx *ctx, const char *name,
				      virDomain **ret_dom, GError *cause, GError **error)
{
	g_autoptr(GError) lost = NULL;
	struct virt_state state;
	gint64 until_us;

	/* On a connection that was only cut the restore may not even have begun. */
	if (!action_reconnect(ctx, &lost) ||
	    !virt_catch_up(ctx->conn, action_left_ms(ctx, CATCH_UP_MS), &lost)) {
		g_propagate_error(error, cause);
		return ACTION_UNKNOWN;
	}
	until_us = g_get_monotonic_time() + SETTLE_US;
	while (g_get_monotonic_time() < until_us) {
		g_autoptr(virDomain) dom = virt_domain(ctx->conn, name, NULL, NULL);

		if (dom && virt_state(dom, &state, NULL) && virt_state_is_up(&state) &&
		    !virt_stands_still(&state)) {
			*ret_dom = g_steal_pointer(&dom);
			g_error_free(cause);
			return ACTION_DONE;
		}
		if (!dom && virt_last_is(VIR_ERR_NO_DOMAIN))
			break;
		g_usleep(PAUSE_US);
	}
	g_propagate_error(error, cause);
	return g_get_monotonic_time() < until_us ? ACTION_FAILED : ACTION_UNKNOWN;
}

enum action_outcome checkpoint_restore(struct action_ctx *ctx, const char *file, const char *xml,
				       const char *name, virDomain **ret_dom, GError **error)
{
	gint64 tries = conf_kvmrc_tries(ctx->rc);
	g_autoptr(GError) cause = NULL;
	bool of_system;

	action_outcome(ACTION_UNKNOWN, "restoring domain %s", name);
	for (gint64 i = 0; i < tries; i++) {
		g_clear_error(&cause);
		if (i)
			g_usleep(G_USEC_PER_SEC);
		if (virDomainRestoreFlags(ctx->conn, file, xml, 0) == 0) {
			*ret_dom = virt_domain(ctx->conn, name, NULL, error);
			return *ret_dom ? ACTION_DONE : ACTION_UNKNOWN;
		}
		virt_fail(&cause, "cannot restore domain %s from %s", name, file);
		of_system = virt_last_is(VIR_ERR_SYSTEM_ERROR);
		if (virConnectIsAlive(ctx->conn) != 1)
			return look_again(ctx, name, ret_dom, g_steal_pointer(&cause), error);
		if (!is_worth_a_retry(cause, of_system))
			break;
		action_log("WARN", "%s", cause->message);
	}
	g_propagate_error(error, g_steal_pointer(&cause));
	return ACTION_FAILED;
}
