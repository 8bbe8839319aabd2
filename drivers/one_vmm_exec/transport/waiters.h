/* SPDX-License-Identifier: Apache-2.0 */
/* waiters.h - a queue of callbacks that wait for a connection, in order of arrival. */
#ifndef ONE_VMM_EXEC_WAITERS_H
#define ONE_VMM_EXEC_WAITERS_H

#include <glib.h>
#include <stdbool.h>

/* READY is what the connection calls with DATA, of the type that it has declared. */
struct waiter {
	void (*ready)(void);
	void *data;
};

/* READY(DATA) is to be called. WAITERS: of struct waiter. */
void waiters_add(GQueue *waiters, void (*ready)(void), void *data);

/* Takes the one that has waited longest. False: nobody waits. */
bool waiters_take(GQueue *waiters, struct waiter *ret);

/* Removes DATA from those who wait. False: it did not wait. */
bool waiters_forget(GQueue *waiters, const void *data);

#endif
