/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_revert - reverts a VM to a snapshot, memory and disks.
 *
 * Reverting replaces disks and memory: it is refused when the VM has devices now that the snapshot
 * lacks (vm/snapshot.h). The images that it had then are checked again: that of a disk that comes
 * back may be another one by now. libvirt starts a new QEMU for it; that its id changed shows that
 * the revert took effect although the answer was lost.
 */
#include "vm/disk_images.h"
#include "vm/stranded.h"
#include "vm/snapshot.h"
#include "vm/vtpm_secret.h"

#include "action/busy.h"
#include "action/reconcile.h"
#include "virt/virt_error.h"
#include "xml/xml.h"

enum { DEPLOY_ID, NAME };

static bool revert_once(virDomainSnapshot *s, const char *domain, GError **error)
{
	int rc = virDomainRevertToSnapshot(s, 0);

	if (rc < 0 && virt_last_is(VIR_ERR_SNAPSHOT_REVERT_RISKY))
		rc = virDomainRevertToSnapshot(s, VIR_DOMAIN_SNAPSHOT_REVERT_FORCE);
	if (rc == 0)
		return true;

	return virt_fail(error, "cannot revert domain %s to snapshot %s", domain,
			 virDomainSnapshotGetName(s));
}

/*
 * After a failure: a new QEMU, which has another id, is the sign that it was done all the
 * same; without any the VM is lost, which is said too.
 */
static enum action_outcome judge_revert(struct action_ctx *ctx, virDomain *first, unsigned id,
				      GError *cause, GError **error)
{
	g_autoptr(virDomain) dom = virt_domain_ref(first);
	enum reconcile found = reconcile_domain(ctx, &dom, NULL);
	struct virt_state state = { .gone = true };

	g_propagate_error(error, cause);
	if (found == RECONCILE_UNKNOWN)
		return ACTION_UNKNOWN;
	if (found != RECONCILE_GONE && !stranded_wait_idle(ctx, dom, &state, NULL))
		return ACTION_UNKNOWN;
	if (state.gone) {
		vmm_error_set_hint(error, "the VM does not run any more; deploy it again");
		return ACTION_FAILED;
	}

	if (found == RECONCILE_ALIVE)
		return ACTION_FAILED;
	if (virDomainGetID(dom) == id)
		return ACTION_FAILED;
	g_clear_error(error);

	return ACTION_DONE;
}

static enum action_outcome revert(struct action_ctx *ctx, virDomain *dom, virDomainSnapshot *s,
				  GError **error)
{
	g_autofree char *name = g_strdup(virDomainGetName(dom));
	g_autoptr(GError) cause = NULL;
	unsigned id = virDomainGetID(dom);

	action_on_abort(ACTION_UNKNOWN, "reverting domain %s to a snapshot", name);
	for (int try = 1;; try++) {
		g_clear_error(&cause);
		if (revert_once(s, name, &cause))
			return ACTION_DONE;
		if (!action_busy_passed(ctx, dom, try, cause))
			break;
	}

	return judge_revert(ctx, dom, id, g_steal_pointer(&cause), error);
}

/* A new QEMU is started for it, and libvirt may have forgotten the passphrase of its TPM. */
static enum action_outcome revert_with_secret(struct action_ctx *ctx, virDomain *dom,
					      virDomainSnapshot *s, const char *directory,
					      GError **error)
{
	g_autoptr(xmlDoc) doc = virt_xml_doc(dom, error);
	const xmlNode *domain = xmlDocGetRootElement(doc);
	enum action_outcome outcome;

	if (!doc)
		return ACTION_FAILED;
	if (!vtpm_secret_provide(ctx->conn, domain, directory, NULL, error))
		return ACTION_FAILED;

	outcome = revert(ctx, dom, s, error);
	if (outcome == ACTION_DONE)
		vtpm_secret_started(ctx->conn, domain);

	return outcome;
}

/* QEMU starts with the disks of S; libvirt takes those of now where S has none. */
static bool check_images(struct action_ctx *ctx, virDomain *dom, virDomainSnapshot *s,
			 const char *directory, GError **error)
{
	g_autoptr(xmlDoc) doc = snapshot_xml(s, error);
	const xmlNode *then = xml_child(xmlDocGetRootElement(doc), "domain");

	if (!doc)
		return false;
	if (then)
		return disk_images_check(ctx, then, directory, error);

	return disk_images_check_again(ctx, dom, directory, error);
}

static enum action_outcome run_snapshot_revert(struct action_ctx *ctx, GError **error)
{
	const char *name = ctx->arg[NAME];
	g_autoptr(virDomain) dom = action_domain_alone(ctx, error);
	g_autoptr(virDomainSnapshot) s = NULL;
	g_autofree char *directory = NULL;
	struct virt_state state;

	if (!dom)
		return ACTION_FAILED;
	if (!virt_state_read(dom, &state, error))
		return ACTION_FAILED;
	if (!ctx->dry_run && !stranded_check(ctx, dom, &state, NULL, error))
		return ACTION_FAILED;
	if (!virt_vm_directory_read(dom, conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI"), &directory,
				    error))
		return ACTION_FAILED;
	s = snapshot_find(dom, ctx->dry_run ? NULL : directory, name, error);
	if (!s)
		return ACTION_FAILED;
	if (!snapshot_can_revert(ctx, dom, s, error))
		return ACTION_FAILED;
	if (!check_images(ctx, dom, s, directory, error))
		return ACTION_FAILED;
	if (ctx->dry_run) {
		action_print(ctx, "would revert domain %s to snapshot %s\n",
			     virDomainGetName(dom), name);
		return ACTION_DONE;
	}

	return revert_with_secret(ctx, dom, s, directory, error);
}

const struct action action = {
	.name = "snapshot_revert", .usage = "DEPLOY_ID NAME [VM_ID [HOST]]",
	.summary = "Reverts a VM to a snapshot that holds all its disks and devices.",
	.example = "snapshot_revert one-7 snap-0",
	.min_args = 2, .deadline_s = 3500, .run = run_snapshot_revert,
};
