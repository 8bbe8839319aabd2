/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_clock.h - sets a guest's clock after a pause, through its agent, in a process that outlives
 * the action.
 *
 * Source: docs/facts/actions.md 6, step 7; kvmrc.md, SYNC_TIME.
 */
#ifndef VM_GUEST_CLOCK_H
#define VM_GUEST_CLOCK_H

#include "action/action.h"

/* Starts that process for DOM, which is on URI, if SYNC_TIME of kvmrc says so. */
void guest_clock_start(const struct action_ctx *ctx, const char *uri, virDomain *dom);

/* What that process runs: a few attempts while the domain exists. Returns the exit status. */
int guest_clock_set(const char *uri, const char *uuid);

#endif
