/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_local - migrate for shared storage, from the front-end (-l migrate=migrate_local).
 *
 * The front-end speaks to both libvirt daemons itself, so that neither host needs a way to the
 * other but for the data. Files are not copied: only for shared storage.
 */
#include "action/other_host.h"
#include "migrate/migration.h"
#include "virt/connect.h"
#include "vm/guest_clock.h"
#include "wire/ssh.h"

enum { DAY_S = 86400, OPEN_MS = 30000 };

enum { DEPLOY_ID, DEST_HOST, SOURCE_HOST, VM_ID };

static enum action_outcome move_vm(struct action_ctx *ctx, GError **error)
{
	const char *source = ctx->arg[SOURCE_HOST], *dest = ctx->arg[DEST_HOST];
	struct migration r;
	enum action_outcome outcome;

	migration_clean_memory(ctx, "CLEANUP_MEMORY_ON_START", dest);
	outcome = migration_look(&r, ctx, dest, error);
	if (outcome == ACTION_DONE && r.dom && ctx->dry_run)
		action_print(ctx, "would migrate domain %s from %s to %s\n",
			     virDomainGetName(r.dom), ctx->uri, r.dest_uri);
	else if (outcome == ACTION_DONE && r.dom)
		outcome = migration_move(&r, error);
	if (outcome == ACTION_DONE && r.dom && !ctx->dry_run) {
		migration_after(&r);
		migration_clean_memory(ctx, "CLEANUP_MEMORY_ON_STOP", source);
	}

	migration_clear(&r);

	return outcome;
}

static enum action_outcome run_migrate_local(struct action_ctx *ctx, GError **error)
{
	const char *source = ctx->arg[SOURCE_HOST];
	g_autofree char *uri = NULL;

	/* Without --connect the source is not where we are. */
	if (ctx->uri == conf_kvmrc_string(ctx->rc, "LIBVIRT_URI")) {
		if (!wire_ssh_check_host(source, error))
			return ACTION_FAILED;
		uri = other_host_libvirt_uri(ctx, source);
		ctx->uri = uri;
	}

	ctx->conn = virt_open(ctx->uri, action_left_ms(ctx, OPEN_MS), error);

	if (ctx->conn)
		return move_vm(ctx, error);

	return ACTION_FAILED;
}

const struct action action = {
	.name = "migrate_local", .usage = "DEPLOY_ID DESTINATION HOST [VM_ID]",
	.summary = "Moves a running VM between two other hosts that share its storage.",
	.example = "migrate_local one-7 node2 node1",
	.min_args = 3, .vm_id = VM_ID, .deadline_s = DAY_S,
	.offline = true, .set_clock = guest_clock_set, .run = run_migrate_local,
};
