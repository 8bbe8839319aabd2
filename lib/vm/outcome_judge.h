/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome_judge.h - what outcome_query.c shares with the files that judge kinds of actions: what
 * was found of the VM, and a judge for each action.
 */
#ifndef VM_OUTCOME_JUDGE_H
#define VM_OUTCOME_JUDGE_H

#include "virt/virt_domain.h"
#include "vm/outcome_query.h"

/* By which the ages of a request and of what came of it may differ. */
enum { OUTCOME_AGE_SLACK_S = 1 };

/* What was found of the VM here. */
struct outcome_found {
	virDomain *dom;		/* by its UUID, else by its name; or NULL */
	struct virt_state state;
	char uuid[VIR_UUID_STRING_BUFLEN];
};

/* Whether the VM is not there, or has ended. */
bool outcome_judge_is_gone(const struct outcome_found *found);

/* RET_INFO as outcome_query() has it. With ERROR the answer is OUTCOME_LATER. */
typedef enum outcome_verdict outcome_judge(struct action_ctx *ctx, const struct outcome_case *c,
					   const struct outcome_found *found, char **ret_info,
					   GError **error);

/* outcome_guest.c: the live domain says whether it has the device, or the snapshot. */
outcome_judge outcome_guest_attach, outcome_guest_detach, outcome_guest_snapshot_create,
	outcome_guest_snapshot_delete, outcome_guest_snapshot_revert;

#endif
