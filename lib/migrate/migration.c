/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/migration.h"

#include <libvirt/virterror.h>

#include "vm/awake.h"
#include "vm/disk_images.h"
#include "vm/guest_clock.h"
#include "vm/live_guard.h"
#include "vm/stranded.h"
#include "vm/vtpm.h"
#include "vm/vtpm_secret.h"
#include "action/other_host.h"
#include "action/progress.h"
#include "vm/snapshot_redefine.h"
#include "base/deadline.h"
#include "base/file.h"
#include "action/busy.h"
#include "virt/connect.h"
#include "virt/pause.h"
#include "virt/virt_error.h"
#include "wire/ssh.h"

enum {
	OPEN_MS = 30000, LOOK_MS = 10000, LOOKS = 2,
};

/* CAUSE (taken) says that the VM is not here: looks whether it is at the destination already. */
static enum action_outcome where_is_it(struct migration *r, GError *cause, GError **error)
{
	g_autoptr(GError) here = cause, fault = NULL;
	g_autoptr(virDomain) moved = NULL;
	struct virt_state state = { .gone = true };
	bool other;

	moved = virt_domain(r->dest, r->ctx->arg[0], action_arg(r->ctx, action_self()->vm_id),
			    &fault);
	if (moved && virt_state_read(moved, &state, &fault) && !state.gone) {
		r->sides.dest = g_steal_pointer(&moved);
		r->sides.dest_state = state;
		return ACTION_DONE;
	}

	if (!fault || vmm_is(fault, VMM_ERROR_NOT_FOUND)) {
		vmm_pass(error, &here);
		return ACTION_FAILED;
	}

	other = vmm_is(fault, VMM_ERROR_EXISTS);
	g_propagate_prefixed_error(error, g_steal_pointer(&fault), "at %s: ", r->dest_host);

	if (other)
		return ACTION_FAILED;

	return ACTION_UNKNOWN;
}

/* A domain whose mover died has lost its snapshots; their files are still there. */
static void repair_snapshots(struct migration *r)
{
	g_autoptr(SnapshotList) known = snapshot_list_read(r->dom, NULL);

	if (known && !snapshot_list_size(known) && r->directory && !r->ctx->dry_run)
		snapshot_redefine_all(r->dom, r->directory, action_log, NULL);
}

/* Keep the snapshots in files so that a later action can restore them if we are killed. */
static bool save_snapshots(const struct migration *r, GError **error)
{
	if (r->ctx->dry_run)
		return true;
	if (!r->directory)
		return true;
	if (!g_file_test(r->directory, G_FILE_TEST_IS_DIR))
		return true;
	for (guint i = 0; i < snapshot_list_size(r->snapshots); i++) {
		const char *name = snapshot_list_name(r->snapshots, i);
		const char *xml = snapshot_list_xml(r->snapshots, i);
		g_autofree char *file = g_strconcat(name, ".xml", NULL);
		g_autofree char *path = g_build_filename(r->directory, file, NULL);

		if (g_str_has_prefix(name, "snap-") && !strchr(name, '/') &&
		    !g_file_test(path, G_FILE_TEST_EXISTS) &&
		    !file_write(path, xml, strlen(xml), 0600, error))
			return false;
	}

	return true;
}

/* Destroys DOM, a copy that does not run; true when it is gone. */
static bool end_copy(virDomain *dom, const char *where, GError **error)
{
	struct virt_state state;

	if (!dom)
		return true;
	if (virDomainDestroyFlags(dom, 0) == 0)
		return true;
	if (!virt_state_read(dom, &state, error))
		return false;
	if (state.gone)
		return true;

	return vmm_fail(error, VMM_ERROR_INTERNAL, "domain %s cannot be removed %s: %s",
			virDomainGetName(dom), where, virGetLastErrorMessage());
}

/* It runs at the destination, and its mover died before it ended what is left here. */
static enum action_outcome finish(struct migration *r, GError *cause, GError **error)
{
	enum action_outcome outcome;

	action_log("WARN", "%s; removing what is left of it here", cause->message);
	outcome = where_is_it(r, cause, error);
	if (outcome != ACTION_DONE)
		return outcome;
	/* An older state of its TPM stays here. */
	vtpm_moved(r->ctx, r->sides.dest, r->dest_host);
	if (!end_copy(r->dom, "at the source", error))
		return ACTION_UNKNOWN;
	g_clear_pointer(&r->dom, virDomainFree);

	return ACTION_DONE;
}

static bool open_destination(struct migration *r, GError **error)
{
	const char *options = conf_kvmrc_string(r->ctx->rc, "MIGRATE_OPTIONS");

	if (!wire_ssh_check_host(r->dest_host, error))
		return false;
	if (!migrate_options_parse(r->how, options, error))
		return false;

	r->dest_uri = other_host_libvirt_uri(r->ctx, r->dest_host);
	r->dest = virt_open(r->dest_uri, action_left_ms(r->ctx, OPEN_MS), error);

	return r->dest != NULL;
}

/* Sets R->dom, and RET to its state. VMM_ERROR_NOT_FOUND: it does not run here. */
static bool find_here(struct migration *r, struct virt_state *ret, GError **error)
{
	r->dom = action_domain_alone(r->ctx, error);
	if (!r->dom)
		return false;
	if (!virt_state_read(r->dom, ret, error))
		return false;
	if (!ret->gone)
		return true;

	vmm_fail(error, VMM_ERROR_NOT_FOUND, "domain %s is not running", r->ctx->arg[0]);
	g_clear_pointer(&r->dom, virDomainFree);

	return false;
}

/* Checks that the domain, in STATE, may move, and reads what has to move with it. */
static bool inspect_domain(struct migration *r, const struct virt_state *state, GError **error)
{
	/* A guest that suspended itself is woken before it moves. */
	r->was_running = state->state == VIR_DOMAIN_RUNNING ||
			 state->state == VIR_DOMAIN_PMSUSPENDED;
	virDomainGetUUIDString(r->dom, r->uuid);
	r->directory = virt_vm_directory(r->dom, conf_kvmrc_string(r->ctx->rc, "LIBVIRT_MD_URI"));

	if (!live_guard_memory(r->dom, LIVE_GUARD_MIGRATE, error))
		return false;
	if (!disk_images_check_again(r->ctx, r->dom, r->directory, error))
		return false;

	repair_snapshots(r);
	r->snapshots = snapshot_list_read(r->dom, error);
	if (!r->snapshots)
		return false;

	return save_snapshots(r, error) && migrate_check(r->dom, r->dest, error);
}

enum action_outcome migration_look(struct migration *r, struct action_ctx *ctx,
				   const char *dest_host, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *there = NULL;
	struct virt_state state;

	*r = (struct migration){ .ctx = ctx, .dest_host = dest_host };
	r->how = migrate_options_new();
	if (!open_destination(r, error))
		return ACTION_FAILED;

	if (!find_here(r, &state, &cause)) {
		if (vmm_is(cause, VMM_ERROR_NOT_FOUND))
			return where_is_it(r, g_steal_pointer(&cause), error);
		vmm_pass(error, &cause);
		return ACTION_FAILED;
	}

	if (!ctx->dry_run && !stranded_check(ctx, r->dom, &state, &there, &cause)) {
		if (!g_strcmp0(there, r->dest_uri))
			return finish(r, g_steal_pointer(&cause), error);
		vmm_pass(error, &cause);
		return ACTION_FAILED;
	}

	if (inspect_domain(r, &state, error))
		return ACTION_DONE;

	return ACTION_FAILED;
}

/* Phase 4, again as long as a block job that ends soon is in the way. */
static bool call_migrate(struct migration *r, GError **error)
{
	struct migrate_move m = {
		.dom = r->dom, .dest = r->dest, .dest_uri = r->dest_uri, .how = r->how,
		.job = progress_job(r->ctx, r->dom),
	};
	const char *name = virDomainGetName(r->dom);

	for (int try = 1;; try++) {
		g_autoptr(GError) cause = NULL;
		bool aborted = false;
		enum virt_call_result result = migrate_call(&m, &aborted, &cause);

		if (result == VIRT_CALL_OK)
			return true;
		if (aborted)
			return progress_fail(error, "migration of domain %s", name);
		if (!action_busy_passed(r->ctx, r->dom, try, cause))
			return vmm_pass(error, &cause);
		action_log("WARN", "%s; trying again", cause->message);
	}
}

/*
 * Replaces a lost connection, if that is possible. reconcile_domain() would ask one host alone,
 * whose answer is only true together with that of the other host.
 */
static void reconnect(struct migration *r)
{
	if (virConnectIsAlive(r->ctx->conn) != 1)
		action_reconnect(r->ctx, NULL);
	if (virConnectIsAlive(r->dest) != 1) {
		virConnect *dest = virt_open_again(r->dest_uri, action_left_ms(r->ctx, OPEN_MS),
						   NULL);

		if (dest) {
			virt_close(r->dest);
			r->dest = dest;
			r->ctx->reconnected = true;
		}
	}
}

static void keep_snapshots(const struct migration *r, virDomain *dom)
{
	g_autoptr(GError) error = NULL;

	if (!snapshot_list_register(r->snapshots, dom, &error))
		action_log("WARN", "%s", error->message);
}

/* It stayed: restores what it was before. The incoming copy is certainly not running. */
static bool finish_at_source(struct migration *r, GError **error)
{
	bool has_handed_over = virt_paused_for_job(&r->sides.source_state) && !r->sides.dest;
	virDomain *dom = r->sides.source;

	if (has_handed_over && !stranded_check_memory(dom, r->dest_host, error))
		return false;
	if (!end_copy(r->sides.dest, "at the destination", error))
		return false;
	if (r->was_running && r->sides.source_state.state == VIR_DOMAIN_PAUSED &&
	    virDomainResume(dom) < 0)
		action_log("WARN", "domain %s stays paused: %s", virDomainGetName(dom),
			   virGetLastErrorMessage());
	keep_snapshots(r, dom);
	stranded_note(dom, NULL, NULL);

	return true;
}

static bool finish_at_destination(struct migration *r, GError **error)
{
	if (r->sides.source)
		vtpm_moved(r->ctx, r->sides.dest, r->dest_host);
	if (!end_copy(r->sides.source, "at the source", error))
		return false;
	keep_snapshots(r, r->sides.dest);

	return true;
}

/* Asks both hosts; a connection that is lost meanwhile is replaced once more. */
static enum migrate_location look(struct migration *r, GError **error)
{
	gint64 until_us = deadline_in_ms(LOOK_MS);
	enum migrate_location where;

	for (int tries = 1;; tries++) {
		reconnect(r);
		where = migrate_locate(r->ctx->conn, r->dest, r->uuid, until_us, &r->sides, error);
		if (where != MIGRATE_LOCATION_UNKNOWN)
			return where;
		if (tries == LOOKS)
			return where;
		if (virConnectIsAlive(r->ctx->conn) == 1 && virConnectIsAlive(r->dest) == 1)
			return where;
		g_clear_error(error);
		migrate_sides_clear(&r->sides);
	}
}

static enum action_outcome judge(struct migration *r, GError *cause, GError **error)
{
	g_autoptr(GError) why = cause, unsure = NULL;
	const char *name = virDomainGetName(r->dom);

	switch (look(r, &unsure)) {
	case MIGRATE_AT_SOURCE:
		if (!finish_at_source(r, &unsure))
			break;
		if (!why)
			vmm_fail(&why, VMM_ERROR_INTERNAL, "domain %s was not moved", name);
		vmm_pass(error, &why);
		return ACTION_FAILED;
	case MIGRATE_AT_DESTINATION:
		if (why)
			action_log("WARN", "%s; but it runs at %s", why->message, r->dest_host);
		if (!finish_at_destination(r, &unsure))
			break;
		return ACTION_DONE;
	case MIGRATE_NOWHERE:
		r->nowhere = true;
		vmm_fail(error, VMM_ERROR_INTERNAL, "domain %s ended while it was migrated: it is "
			 "on neither host: %s", name, why ? why->message : "it stopped");
		return ACTION_FAILED;
	case MIGRATE_AT_BOTH:
		virDomainSuspend(r->sides.dest);
		vmm_fail(error, VMM_ERROR_INTERNAL, "domain %s runs on both hosts; it was paused "
			 "at %s", name, r->dest_host);
		vmm_error_set_hint(error, "destroy the copy that is not wanted; never resume both");
		return ACTION_UNKNOWN;
	default:
		break;
	}

	vmm_fail(error, unsure->code, "migrating domain %s: %s; cannot tell where it is: %s",
		 name, why ? why->message : "done", unsure->message);
	if (vmm_error_hint(unsure))
		vmm_error_set_hint(error, "%s", vmm_error_hint(unsure));

	return ACTION_UNKNOWN;
}

/* Gives the passphrase of its TPM, if any, to the destination. RET_DOC: the domain, to be freed. */
static bool send_secret(const struct migration *r, xmlDoc **ret_doc, GError **error)
{
	*ret_doc = virt_xml_doc(r->dom, error);

	return *ret_doc && vtpm_secret_provide(r->dest, xmlDocGetRootElement(*ret_doc),
					       r->directory, NULL, error);
}

/* Takes the passphrase from a destination where the move was not begun. */
static void take_secret_back(const struct migration *r)
{
	g_autoptr(virDomain) there = virDomainLookupByUUIDString(r->dest, r->uuid);

	/* With a domain there, another migration is in progress, and the passphrase is its own. */
	if (!there && virt_last_is(VIR_ERR_NO_DOMAIN))
		vtpm_secret_remove(r->dest, r->uuid);
}

/* Phase 3. */
static bool part(const struct migration *r, GError **error)
{
	if (!stranded_note(r->dom, r->dest_host, error))
		return false;

	return snapshot_list_forget(r->snapshots, r->dom, error);
}

enum action_outcome migration_move(struct migration *r, GError **error)
{
	const char *name = virDomainGetName(r->dom);
	g_autoptr(GError) cause = NULL;
	g_autoptr(xmlDoc) doc = NULL;
	enum action_outcome outcome;
	bool has_secret;

	if (!awake_guest(r->ctx, r->dom, error))
		return ACTION_FAILED;
	if (!send_secret(r, &doc, error))
		return ACTION_FAILED;
	has_secret = vtpm_secret_needed(xmlDocGetRootElement(doc));
	action_on_abort(ACTION_UNKNOWN, "migrating domain %s to %s", name, r->dest_host);
	if (!part(r, error)) {
		if (has_secret)
			take_secret_back(r);
		return ACTION_FAILED;
	}

	call_migrate(r, &cause);
	outcome = judge(r, g_steal_pointer(&cause), error);
	/* Where it certainly does not run. */
	if (has_secret && outcome != ACTION_UNKNOWN)
		vtpm_secret_remove(outcome == ACTION_DONE ? r->ctx->conn : r->dest, r->uuid);
	if (outcome == ACTION_DONE)
		vtpm_secret_started(r->dest, xmlDocGetRootElement(doc));
	if (outcome == ACTION_DONE)
		action_on_abort(ACTION_DONE, "%s", "");

	return outcome;
}

void migration_arrived(const struct migration *r)
{
	vtpm_moved(r->ctx, r->sides.dest, r->dest_host);
	stranded_note(r->sides.dest, NULL, NULL);
}

void migration_after(struct migration *r)
{
	guest_clock_start(r->ctx, r->dest_uri, r->sides.dest);
}

void migration_clean_memory(const struct action_ctx *ctx, const char *name, const char *host)
{
	static const char *const words[] = {
		"-n", "/usr/sbin/sysctl", "vm.drop_caches=3", "vm.compact_memory=1", NULL
	};
	g_autoptr(GError) error = NULL;

	if (conf_kvmrc_bool(ctx->rc, name) && !ctx->dry_run &&
	    !other_host_run(ctx, host, "/usr/bin/sudo", words, &error))
		action_log("WARN", "%s on %s: %s", name, host, error->message);
}

void migration_clear(struct migration *r)
{
	migrate_sides_clear(&r->sides);
	g_clear_pointer(&r->dom, virDomainFree);
	g_clear_pointer(&r->how, migrate_options_free);
	g_clear_pointer(&r->snapshots, snapshot_list_free);
	g_clear_pointer(&r->dest_uri, g_free);
	g_clear_pointer(&r->directory, g_free);
	if (r->dest)
		virt_close(r->dest);
	r->dest = NULL;
}
