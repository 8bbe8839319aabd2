/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datastore_hook.h - the program that a kind of datastore has beside an action ("save.ceph"), as
 * what the action leaves on the host must be moved to the datastore, or was.
 *
 * Source: docs/facts/actions.md 0.1.
 */
#ifndef ACTION_DATASTORE_HOOK_H
#define ACTION_DATASTORE_HOOK_H

#include "action/action.h"
#include "template/request.h"

/* The path of the one for action VERB and REQUEST's datastore; NULL: none. The caller frees. */
char *datastore_hook_find(const TmplRequest *request, const char *verb);

/* Runs HOOK with our operands and REQUEST on its stdin; its log lines become ours. */
bool datastore_hook_run(const struct action_ctx *ctx, const TmplRequest *request, const char *hook,
			GError **error);

#endif
