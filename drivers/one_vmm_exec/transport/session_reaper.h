/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_reaper.h - ends on hosts what nobody hears of any more: the ssh sessions and relays of
 * earlier drivers, which died, and those of ours whose connection broke, with what these run. A
 * host that is away is asked again until it is back.
 *
 *   session_reaper_remember()    once: where the next driver will find the hosts
 *   session_reaper_suspect_…()   something may have been left there
 *   session_reaper_wait()        before anything of ours runs there
 *
 * Source: docs/facts/protocol.md 6.
 */
#ifndef ONE_VMM_EXEC_SESSION_REAPER_H
#define ONE_VMM_EXEC_SESSION_REAPER_H

#include "base/child.h"
#include "wire/ssh.h"

typedef struct session_reaper SessionReaper;

/* SSH is borrowed. */
SessionReaper *session_reaper_new(const struct wire_ssh *ssh);
void session_reaper_free(SessionReaper *reaper);

/* MARKS (copied) of all earlier drivers: words of remote_hosts_mark(), none of which is ours. */
void session_reaper_set_marks(SessionReaper *reaper, GPtrArray *marks);

/* Keeps for the next driver that HOST is suspect, and returns a number for FORGET. */
typedef guint64 session_reaper_keep(void *data, const char *host);
typedef void session_reaper_drop(void *data, guint64 number);

struct reaper_memory {
	session_reaper_keep *keep;
	session_reaper_drop *drop;
};

/* MEMORY is borrowed; without it (NULL) a host that is away at our end is known to nobody. */
void session_reaper_remember(SessionReaper *reaper, const struct reaper_memory *memory, void *data);

/* All that bears one of those marks, … */
void session_reaper_suspect_marks(SessionReaper *reaper, const char *host);

/* … session NUMBER of ours, or our relay of that number. */
void session_reaper_suspect_session(SessionReaper *reaper, const char *host, unsigned number);
void session_reaper_suspect_relay(SessionReaper *reaper, const char *host, unsigned number);

/* Nothing is left there any more; WHY: the host was not reached. */
typedef void session_reaper_ready(void *data, const char *why);

/*
 * True: nothing is left on HOST. False: that is being ended, and READY(DATA) follows from the loop.
 * ABORT_S: for a save, restore or migration to take back what it did.
 */
bool session_reaper_wait(SessionReaper *reaper, const char *host, unsigned abort_s,
			 session_reaper_ready *ready, void *data);

/* Nobody waits with DATA any more. False: nobody did. */
bool session_reaper_forget(SessionReaper *reaper, const void *data);

#endif
