/*
 * local_slots.h - the places of those that work on the front-end itself (option -t): who finds none
 * waits for one, and who waits longest gets it. Waiting for a host takes none.
 */
#ifndef ONE_VMM_EXEC_LOCAL_SLOTS_H
#define ONE_VMM_EXEC_LOCAL_SLOTS_H

#include <stdbool.h>

typedef struct places Places;

/* Called once, from places_leave() of another: DATA has a place now. */
typedef void places_ready(void *data);

Places *places_new(unsigned count);

/* Nobody may wait. */
void places_free(Places *places);

/* True: DATA has a place. False: READY(DATA) follows, unless places_forget(). */
bool places_enter(Places *places, places_ready *ready, void *data);

/* Gives one back. */
void places_leave(Places *places);

/* DATA no longer waits. False: it did not. */
bool places_forget(Places *places, const void *data);

#endif
