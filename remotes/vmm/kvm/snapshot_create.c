/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_create - makes a snapshot of a VM, its memory included, and prints its name.
 *
 * libvirt keeps a snapshot's description only while the domain exists, so a copy is stored in the
 * VM's directory; without that copy the snapshot is taken back. A name that is taken is this
 * snapshot already, if its images hold it too; otherwise it is made again.
 */
#include "vm/stranded.h"
#include "vm/live_guard.h"
#include "vm/snapshot.h"
#include "vm/vcpus.h"

#include "base/number.h"
#include "action/busy.h"
#include "action/reconcile.h"
#include "virt/virt_error.h"

enum { DEPLOY_ID, SNAPSHOT_ID };

/* The connection was lost while snapshot NAME was being made. */
static virDomainSnapshot *find_made(struct action_ctx *ctx, virDomain **dom, const char *name,
				     enum action_outcome *outcome)
{
	virDomainSnapshot *s = NULL;
	struct virt_state state;

	*outcome = ACTION_UNKNOWN;
	if (reconcile_domain(ctx, dom, NULL) != RECONCILE_REOPENED)
		return NULL;
	if (!stranded_wait_idle(ctx, *dom, &state, NULL))
		return NULL;
	s = virDomainSnapshotLookupByName(*dom, name, 0);
	if (!s && virt_last_is(VIR_ERR_NO_DOMAIN_SNAPSHOT)) {
		snapshot_drop_orphan(*dom, name);
		*outcome = ACTION_FAILED;
	}

	return s;
}

static virDomainSnapshot *create(struct action_ctx *ctx, virDomain **dom, const char *name,
				 enum action_outcome *outcome, GError **error)
{
	g_autofree char *xml = g_strdup_printf("<domainsnapshot><name>%s</name></domainsnapshot>",
					       name);
	g_autoptr(GError) cause = NULL;
	virDomainSnapshot *s = NULL;

	action_on_abort(ACTION_UNKNOWN, "making snapshot %s of domain %s", name,
			virDomainGetName(*dom));
	for (int try = 1;; try++) {
		g_clear_error(&cause);
		s = virDomainSnapshotCreateXML(*dom, xml, 0);
		if (!s)
			virt_fail(&cause, "cannot make snapshot %s of domain %s", name,
				  virDomainGetName(*dom));
		if (!action_busy_passed(ctx, *dom, try, cause))
			break;
	}

	*outcome = ACTION_FAILED;
	if (!s && virConnectIsAlive(ctx->conn) != 1)
		s = find_made(ctx, dom, name, outcome);
	if (!s)
		vmm_pass(error, &cause);

	return s;
}

/* Without its file the snapshot would be lost with the VM's next stop. MADE: just now, by us. */
static enum action_outcome keep(struct action_ctx *ctx, virDomainSnapshot *s, bool made,
				const char *directory, GError **error)
{
	if (directory && !snapshot_keep(s, directory, error)) {
		if (made && virDomainSnapshotDelete(s, 0) < 0)
			action_log("WARN", "could not remove snapshot %s",
				   virDomainSnapshotGetName(s));
		return ACTION_FAILED;
	}

	action_print(ctx, "%s\n", virDomainSnapshotGetName(s));

	return ACTION_DONE;
}

/*
 * The snapshot when it is there already; NULL without ERROR: it is not. One that libvirt or a file
 * tells of, but the images do not hold, is none: it was deleted outside libvirt.
 */
static virDomainSnapshot *find(struct action_ctx *ctx, virDomain *dom, const char *directory,
			       const char *name, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(virDomainSnapshot) s = snapshot_find(dom, directory, name, &cause);

	if (s && snapshot_is_whole(ctx, dom, s, &cause))
		return g_steal_pointer(&s);
	if (s && vmm_is(cause, VMM_ERROR_REFUSED)) {
		action_log("WARN", "%s; making it again", cause->message);
		if (virDomainSnapshotDelete(s, VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY) < 0)
			virt_fail(error, "cannot forget snapshot %s", name);
	} else if (!vmm_is(cause, VMM_ERROR_NOT_FOUND)) {
		vmm_pass(error, &cause);
	}

	return NULL;
}

/* The XML of DOM, which can stand a snapshot. NULL with ERROR set. The caller frees. */
static xmlDoc *read_live(virDomain *dom, struct virt_state *ret_state, GError **error)
{
	g_autoptr(xmlDoc) live = NULL;

	if (!virt_state_read(dom, ret_state, error))
		return NULL;
	live = virt_xml_doc(dom, error);
	if (!live)
		return NULL;
	if (live_guard_memory_of(dom, xmlDocGetRootElement(live), LIVE_GUARD_SNAPSHOT, error))
		return g_steal_pointer(&live);

	return NULL;
}

static enum action_outcome run_snapshot_create(struct action_ctx *ctx, GError **error)
{
	g_autofree char *name = g_strdup_printf("snap-%s", ctx->arg[SNAPSHOT_ID]);
	g_autoptr(virDomain) dom = NULL;
	g_autoptr(virDomainSnapshot) s = NULL;
	g_autofree char *directory = NULL;
	g_autoptr(xmlDoc) live = NULL;
	g_autoptr(GError) cause = NULL;
	enum action_outcome outcome;
	struct virt_state state;
	guint64 id;

	if (!number_unsigned(ctx->arg[SNAPSHOT_ID], 0, G_MAXINT32, &id, error)) {
		vmm_error_set_hint(error, "SNAPSHOT_ID, the second operand, is the snapshot's "
				   "number");
		return ACTION_FAILED;
	}

	dom = action_domain_alone(ctx, error);
	if (!dom)
		return ACTION_FAILED;
	live = read_live(dom, &state, error);
	if (!live)
		return ACTION_FAILED;
	if (!virt_vm_directory_read(dom, conf_kvmrc_string(ctx->rc, "LIBVIRT_MD_URI"), &directory,
				    error))
		return ACTION_FAILED;
	if (ctx->dry_run) {
		action_print(ctx, "would make snapshot %s of domain %s\n", name,
			     virDomainGetName(dom));
		return ACTION_DONE;
	}

	if (!stranded_check(ctx, dom, &state, NULL, error))
		return ACTION_FAILED;
	s = find(ctx, dom, directory, name, &cause);
	if (s) {
		action_log("INFO", "domain %s has snapshot %s already", virDomainGetName(dom),
			   name);
		return keep(ctx, s, false, directory, error);
	}

	if (cause) {
		vmm_pass(error, &cause);
		return ACTION_FAILED;
	}

	/* QEMU that lost a CPU behind libvirt's back may never end a snapshot. */
	if (!vcpus_agree(dom, xmlDocGetRootElement(live), error))
		return ACTION_FAILED;
	s = create(ctx, &dom, name, &outcome, error);

	if (s)
		return keep(ctx, s, true, directory, error);

	return outcome;
}

const struct action action = {
	.name = "snapshot_create", .usage = "DEPLOY_ID SNAPSHOT_ID [VM_ID [HOST]]",
	.summary = "Takes a snapshot of a VM with its memory and prints the name.",
	.example = "snapshot_create one-7 0",
	.min_args = 2, .deadline_s = 3500, .run = run_snapshot_create,
};
