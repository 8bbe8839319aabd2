/* save.ceph - brings a checkpoint that save made to the VM's pool. */
#include "action/ceph.h"

enum { DEPLOY_ID, CHECKPOINT, VM_ID = 3 };

static enum action_outcome run(struct action_ctx *ctx, GError **error)
{
	g_autoptr(Document) d = document_read(error);
	const char *file = ctx->arg[CHECKPOINT];

	if (!d)
		return ACTION_FAILED;
	if (ctx->dry_run) {
		action_print(ctx, "would move %s to the VM's pool\n", file);
		return ACTION_DONE;
	}
	return ceph_store(ctx, d, ctx->arg[VM_ID], file, error) ? ACTION_DONE : ACTION_FAILED;
}

const struct action action = {
	.name = "save.ceph", .usage = "DEPLOY_ID FILE HOST VM_ID",
	.summary = "Moves checkpoint FILE to the pool that the request on stdin names.",
	.min_args = 4, .offline = true, .deadline_s = 7100, .run = run,
};
