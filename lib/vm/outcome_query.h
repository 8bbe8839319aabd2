/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome_query.h - finds out on the host what became of an action whose result was lost, because
 * the connection broke or the driver died. Asked when no other action works on the VM any more.
 */
#ifndef VM_OUTCOME_QUERY_H
#define VM_OUTCOME_QUERY_H

#include "action/request_input.h"

enum outcome_verdict {
	OUTCOME_DONE,		/* it was done; INFO: what it would have printed */
	OUTCOME_NOT_DONE,	/* it was not done */
	OUTCOME_REFUSED,	/* it was not, and must not be repeated: INFO says why */
	OUTCOME_FINISH,		/* it was done but for its end; repeating it does that: INFO */
	OUTCOME_REPEAT,		/* not known, and repeating it does no harm */
	OUTCOME_UNKNOWN,	/* not known, and never will be; INFO says why */
	OUTCOME_LATER,		/* not known yet: ask again */
	OUTCOME_IN_PROGRESS,	/* libvirt is still at work on it: ask again, however long */
};

/* "done", "not-done"…: the first word of the answer. Static. */
const char *outcome_query_word(enum outcome_verdict verdict);

/* The action that is asked about, as its caller had it. */
struct outcome_case {
	const char *action;	/* "save"; or "absent": whether the VM runs here */
	const char *deploy_id;
	const char *checkpoint;	/* or "" */
	const char *vm_id;
	const char *mark;	/* of the deployment, or NULL */
	gint64 age_s;		/* of the request; -1: not known */
	const TmplRequest *request;
};

/* RET_INFO: the caller frees, or NULL. VMM_ERROR_USAGE: there is no such action. */
bool outcome_query(struct action_ctx *ctx, const struct outcome_case *c, enum outcome_verdict *ret,
		   char **ret_info, GError **error);

#endif
