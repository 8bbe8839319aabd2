/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_share.h - what the guests of a host share, and what only one of them can have: its TPM.
 *
 * Who is to get it is decided under a lock of the host: the guests that run are looked at, and
 * the next action looks only when ours runs, or is certainly not going to.
 * Source: docs/facts/hosts.md 6.
 */
#ifndef VM_HOST_SHARE_H
#define VM_HOST_SHARE_H

#include "action/action.h"
#include "xml/xml.h"

/*
 * Before DOMAIN starts: whether there is left what it needs; then the lock is held until
 * host_share_end() or the process's end. A domain that needs none of it is never waited for.
 * VMM_ERROR_BUSY: another domain, which is named, has the TPM.
 */
bool host_share_take(const struct action_ctx *ctx, const xmlNode *domain, GError **error);

/* DOMAIN runs, or it does not and never will. */
void host_share_end(void);

#endif
