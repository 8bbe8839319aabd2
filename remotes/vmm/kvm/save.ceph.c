/* save.ceph - brings a checkpoint that save made to the VM's pool. */
#include "host/ceph_pool.h"

enum { DEPLOY_ID, CHECKPOINT, VM_ID = 3 };

static enum action_outcome run_save_ceph(struct action_ctx *ctx, GError **error)
{
	return ceph_pool_move(ctx, CEPH_STORE, ctx->arg[VM_ID], ctx->arg[CHECKPOINT], error);
}

const struct action action = {
	.name = "save.ceph", .usage = "DEPLOY_ID FILE HOST VM_ID",
	.summary = "Moves checkpoint FILE to the pool that the request on stdin names.",
	.min_args = 4, .offline = true, .deadline_s = 7100, .run = run_save_ceph,
};
