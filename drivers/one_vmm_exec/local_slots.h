/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local_slots.h - limits how many commands work on the front-end itself (option -t). Those that
 * find no slot free wait, and get one in order of arrival. Waiting for a host needs no slot.
 */
#ifndef ONE_VMM_EXEC_LOCAL_SLOTS_H
#define ONE_VMM_EXEC_LOCAL_SLOTS_H

#include <stdbool.h>

typedef struct local_slots LocalSlots;

/* Called once, from local_slots_leave() of another: DATA has a place now. */
typedef void local_slots_ready(void *data);

/* COUNT slots, all of them free. */
LocalSlots *local_slots_new(unsigned count);

/* Nobody may wait. */
void local_slots_free(LocalSlots *places);

/* True: DATA has a place. False: READY(DATA) follows, unless local_slots_forget(). */
bool local_slots_enter(LocalSlots *places, local_slots_ready *ready, void *data);

/* Gives one back. */
void local_slots_leave(LocalSlots *places);

/* DATA no longer waits. False: it did not. */
bool local_slots_forget(LocalSlots *places, const void *data);

#endif
