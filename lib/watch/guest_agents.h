/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_agents.h - what the agents inside the guests say, for the usage of VMs: the operating
 * system, addresses, and what guestagent.conf asks for; figures of NVIDIA's GPUs.
 *
 * Guests are asked beside each other, on connections of their own. One that hangs is not waited
 * for any more until it answered again; a VM that an action works on is not asked.
 * Source: docs/monitoring.md, "Guests' agents" and "GPUs".
 */
#ifndef WATCH_GUEST_AGENTS_H
#define WATCH_GUEST_AGENTS_H

#include <glib.h>

#include "watch/watch_place.h"

typedef struct guest_agents GuestAgents;

/* PLACE is copied, what it points to is borrowed. LOG (or NULL) gets what is wrong in the rules. */
GuestAgents *guest_agents_new(const struct watch_place *place, void (*log)(const char *text));

/* What guests that hang still need stays. */
void guest_agents_free(GuestAgents *agents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestAgents, guest_agents_free)

/* Begins to ask the guests of LIST (struct stats). */
void guest_agents_begin(GuestAgents *agents, const GPtrArray *list);

/*
 * Waits a moment for the answers, and adds to LIST what was answered since guest_agents_begin().
 * Of a guest that did not answer only what stays true while its QEMU runs.
 */
void guest_agents_end(GuestAgents *agents, GPtrArray *list);

/* How many guests' agents did not answer in time when they were last asked. */
guint guest_agents_hung(GuestAgents *agents);

#endif
