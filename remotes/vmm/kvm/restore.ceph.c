/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore.ceph - copies a checkpoint from the VM's pool to where restore reads it.
 *
 * The checkpoint stays in the pool until restore says that the VM runs from it.
 */
#include "host/ceph_pool.h"

enum { CHECKPOINT, VM_ID = 3 };

static enum action_outcome run_restore_ceph(struct action_ctx *ctx, GError **error)
{
	return ceph_pool_move(ctx, CEPH_FETCH, ctx->arg[VM_ID], ctx->arg[CHECKPOINT], error);
}

const struct action action = {
	.name = "restore.ceph", .usage = "FILE HOST DEPLOY_ID VM_ID",
	.summary = "Copies checkpoint FILE from the Ceph pool of the datastore, unless it is here.",
	.input = "the request document, with the datastore",
	.example = "restore.ceph /var/lib/one/datastores/0/7/checkpoint node1 one-7 7 <request.xml",
	.min_args = 4, .offline = true, .deadline_s = 7100, .run = run_restore_ceph,
};
