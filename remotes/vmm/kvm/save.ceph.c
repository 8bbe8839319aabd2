/* SPDX-License-Identifier: Apache-2.0 */
/* save.ceph - moves a checkpoint that save made to the VM's pool. */
#include "host/ceph_pool.h"

enum { DEPLOY_ID, CHECKPOINT, VM_ID = 3 };

static enum action_outcome run_save_ceph(struct action_ctx *ctx, GError **error)
{
	return ceph_pool_move(ctx, CEPH_STORE, ctx->arg[VM_ID], ctx->arg[CHECKPOINT], error);
}

const struct action action = {
	.name = "save.ceph", .usage = "DEPLOY_ID FILE HOST VM_ID",
	.summary = "Moves checkpoint FILE to the Ceph pool of the datastore.",
	.input = "the request document, with the datastore",
	.example = "save.ceph one-7 /var/lib/one/datastores/0/7/checkpoint node1 7 <request.xml",
	.min_args = 4, .offline = true, .deadline_s = 7100, .run = run_save_ceph,
};
