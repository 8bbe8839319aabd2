/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pinned_memory.h - whether a host has room for a guest all of whose memory is pinned: it can
 * neither be swapped nor overcommitted, and the host itself needs some.
 *
 * Source: docs/facts/hosts.md 5.
 */
#ifndef VM_PINNED_MEMORY_H
#define VM_PINNED_MEMORY_H

#include "action/action.h"
#include "xml/xml.h"

/* VMM_ERROR_NO_RESOURCE: DOMAIN would leave less than RESERVED_HOST_MEMORY_MB of kvmrc. */
bool pinned_memory_check(const struct action_ctx *ctx, const xmlNode *domain, GError **error);

#endif
