/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renewal.h - the agent becomes its new self after the set was synced: the program, or a file of
 * settings, is another one.
 *
 * Source: docs/monitoring.md, "Start and stop".
 */
#ifndef WATCH_RENEWAL_H
#define WATCH_RENEWAL_H

#include <glib.h>
#include <stdbool.h>

typedef struct renewal Renewal;

/*
 * SET: the directory of the synced set; ARGV: of this process; START: the start message. All are
 * borrowed. LOG gets why it cannot be done; LEAVE is called with DATA just before it is. Never
 * freed.
 */
Renewal *renewal_new(const char *set, char **argv, const char *start,
		     void (*log)(const char *text), void (*leave)(void *data), void *data);

/*
 * Looks at the files. When one has been another for two looks, and the program there works, this
 * process becomes that program, with the same id, arguments and start message. In the main loop.
 */
void renewal_look(Renewal *renewal);

/* Whether this process was one that is continued so; to be asked once. */
bool renewal_has_been(void);

#endif
