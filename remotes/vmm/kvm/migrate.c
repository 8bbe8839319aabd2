/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate - moves a running VM to another host, or its files to another datastore.
 *
 * Three ways: shared storage (only memory moves), storage of its own at each host (files before,
 * the rest of them while the guest is paused for the last time), and another datastore of the same
 * host. lib/migrate/verdict.h decides, from what both hosts say, whether the VM is here, there or
 * unknown; nothing is removed on either side before that is known.
 */
#include "action/request_input.h"
#include "host/root_helper.h"
#include "migrate/move_datastore.h"
#include "migrate/copy_to_host.h"
#include "vm/guest_clock.h"
#include "vm/host_fit.h"
#include "vm/vtpm.h"

enum { DAY_S = 86400 };

enum { DEPLOY_ID, DEST_HOST, SOURCE_HOST, VM_ID };

/* What the front-end's document says of it. */
struct request {
	TmplRequest *doc;
	bool shared;
	char *from, *target;	/* the VM's directory now and then; or NULL */
};

static bool request_load(struct request *q, GError **error)
{
	g_autofree char *base = NULL, *id = NULL;

	q->doc = request_input_read(error);
	if (!q->doc)
		return false;
	q->shared = tmpl_request_is_shared(q->doc);
	base = xml_child_text(q->doc->datastore, "BASE_PATH");
	id = xml_child_text(q->doc->vm, "ID");
	if (base && id)
		q->from = g_build_filename(base, id, NULL);
	q->target = tmpl_request_child(q->doc, "DISK_TARGET_PATH");

	return true;
}

static void request_clear(struct request *q)
{
	g_clear_pointer(&q->doc, tmpl_request_free);
	g_free(q->from);
	g_free(q->target);
}

/* FEATURES of the VM: "MIGRATE_AUTO_CONVERGE" = "20,10", "MIGRATE_COMPRESSED" = "YES". */
static bool add_features(struct migration *r, const struct request *q, GError **error)
{
	xmlNode *features = xml_child(xml_child(q->doc->vm, "TEMPLATE"), "FEATURES");
	g_autofree char *converge = xml_child_text(features, "MIGRATE_AUTO_CONVERGE");
	g_autofree char *compressed = xml_child_text(features, "MIGRATE_COMPRESSED");

	if (compressed && !g_ascii_strcasecmp(compressed, "yes"))
		r->how->flags |= VIR_MIGRATE_COMPRESSED;

	if (!converge)
		return true;

	return migrate_options_converge(r->how, converge, error);
}

/* With storage of its own each: the files go first, and the last of them after it. */
static enum action_outcome with_files(struct migration *r, const char *from, const char *to,
				      GError **error)
{
	struct copy_to_host f;
	enum action_outcome outcome = ACTION_FAILED;

	if (copy_to_host_prepare(&f, r, from, to, error)) {
		outcome = migration_move(r, error);
		if (outcome == ACTION_DONE && !copy_to_host_finish(&f, error))
			outcome = ACTION_UNKNOWN;
		else if (outcome == ACTION_FAILED)
			copy_to_host_undo(&f);
	}

	copy_to_host_clear(&f);

	return outcome;
}

/* Notes on the way where the state of its TPM is. */
static enum action_outcome go_there(struct migration *r, const struct request *q, GError **error)
{
	enum action_outcome outcome;

	vtpm_moving(r->ctx, r->dom, action_arg(r->ctx, SOURCE_HOST), r->dest_host);
	if (q->shared)
		outcome = migration_move(r, error);
	else
		outcome = with_files(r, q->from, q->target, error);
	if (outcome == ACTION_FAILED)
		vtpm_stayed(r->ctx, r->dom);

	return outcome;
}

static enum action_outcome to_host(struct migration *r, const struct request *q, GError **error)
{
	const char *name = r->dom ? virDomainGetName(r->dom) : r->ctx->arg[DEPLOY_ID];

	if (!r->dom) {
		action_log("INFO", "domain %s is at %s already", name, r->dest_host);
		if (q->shared)
			return ACTION_DONE;
		if (r->ctx->dry_run)
			return ACTION_DONE;
		if (!q->from)
			return ACTION_DONE;
		if (!q->target)
			return ACTION_DONE;
		if (copy_to_host_repair(r, q->from, q->target, error))
			return ACTION_DONE;

		return ACTION_UNKNOWN;
	}

	if (!host_fit_guard_nested(r->ctx, r->dom, "migrate", error))
		return ACTION_FAILED;
	if (!add_features(r, q, error))
		return ACTION_FAILED;
	if (r->ctx->dry_run) {
		action_print(r->ctx, "would migrate domain %s to %s\n", name, r->dest_uri);
		return ACTION_DONE;
	}

	return go_there(r, q, error);
}

/* To another datastore of the same host. */
static enum action_outcome stay(struct action_ctx *ctx, const struct request *q, GError **error)
{
	g_autoptr(virDomain) dom = action_domain_alone(ctx, error);

	if (!dom)
		return ACTION_FAILED;
	return move_datastore(ctx, dom, q->from, q->target, error);
}

static void after(struct migration *r)
{
	migration_after(r);
	root_helper_clean_memory(r->ctx, "CLEANUP_MEMORY_ON_STOP", false);
}

static enum action_outcome run_migrate(struct action_ctx *ctx, GError **error)
{
	struct request q = { 0 };
	struct migration r;
	enum action_outcome outcome;

	if (!request_load(&q, error)) {
		outcome = ACTION_FAILED;
	} else if (!g_strcmp0(ctx->arg[DEST_HOST], ctx->arg[SOURCE_HOST]) && q.from && q.target) {
		outcome = stay(ctx, &q, error);
	} else {
		outcome = migration_look(&r, ctx, ctx->arg[DEST_HOST], error);
		if (outcome == ACTION_DONE)
			outcome = to_host(&r, &q, error);
		if (outcome == ACTION_DONE && r.sides.dest && !ctx->dry_run)
			migration_arrived(&r);
		if (outcome == ACTION_DONE && r.dom && !ctx->dry_run)
			after(&r);
		migration_clear(&r);
	}

	request_clear(&q);

	return outcome;
}

const struct action action = {
	.name = "migrate", .usage = "DEPLOY_ID DESTINATION [HOST [VM_ID]]",
	.summary = "Moves a running VM to another host or datastore; succeeds if it is there "
		   "already.",
	.input = "the request document; without one, the storage is shared",
	.example = "migrate one-7 node2",
	.min_args = 2, .vm_id = VM_ID, .deadline_s = DAY_S,
	.set_clock = guest_clock_set, .run = run_migrate,
};
