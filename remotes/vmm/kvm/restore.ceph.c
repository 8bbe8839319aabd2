/* restore.ceph - brings a checkpoint from the VM's pool to where restore reads it. */
#include "action/ceph.h"

enum { CHECKPOINT, VM_ID = 3 };

static enum action_outcome run(struct action_ctx *ctx, GError **error)
{
	g_autoptr(Document) d = document_read(error);
	const char *file = ctx->arg[CHECKPOINT];

	if (!d)
		return ACTION_FAILED;
	if (ctx->dry_run) {
		action_print(ctx, "would copy %s from the VM's pool\n", file);
		return ACTION_DONE;
	}
	return ceph_fetch(ctx, d, ctx->arg[VM_ID], file, error) ? ACTION_DONE : ACTION_FAILED;
}

const struct action action = {
	.name = "restore.ceph", .usage = "FILE HOST DEPLOY_ID VM_ID",
	.summary = "Copies FILE from the pool that the request on stdin names, unless it is there.",
	.min_args = 4, .offline = true, .deadline_s = 7100, .run = run,
};
