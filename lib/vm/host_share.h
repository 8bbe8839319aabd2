/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_share.h - what the guests of a host share, and of which there is only so much: its TPM, the
 * keys for encrypted memory, and the memory that such guests pin.
 *
 * Who is to get it is decided under a lock of the host: the guests that run are looked at, and
 * the next action looks only when ours runs, or is certainly not going to.
 * Source: docs/facts/hosts.md 5 and 6.
 */
#ifndef VM_HOST_SHARE_H
#define VM_HOST_SHARE_H

#include "vm/host_fit.h"

/*
 * Before DOMAIN, for which FIT was found, starts: whether there is left what it needs; then the
 * lock is held until host_share_end() or the process's end. A domain that needs none of it is never
 * waited for. VMM_ERROR_BUSY: another domain, which is named, has the TPM. VMM_ERROR_NO_RESOURCE:
 * as many guests with encrypted memory run as there may be, or too little memory would be left.
 */
bool host_share_take(const struct action_ctx *ctx, const xmlNode *domain, const HostFit *fit,
		     GError **error);

/* DOMAIN runs, or it does not and never will. */
void host_share_end(void);

#endif
