/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_reaper.h - ends on a host what an earlier driver, which died, has left there: its ssh
 * sessions and its relay, with what they run.
 *
 * Source: docs/facts/protocol.md 6.
 */
#ifndef ONE_VMM_EXEC_SESSION_REAPER_H
#define ONE_VMM_EXEC_SESSION_REAPER_H

#include "base/child.h"
#include "wire/ssh.h"

struct session_reaper {
	const struct wire_ssh *ssh;
	unsigned abort_s;	/* for a save, restore or migration to take back what it did */
};

/*
 * Ends what bears one of MARKS (words of remote_hosts_mark(), none of which is ours) on HOST. DONE
 * (DATA) follows, with exit status -1 when it could not be tried.
 */
void session_reaper_run(const struct session_reaper *reaper, const char *host, GPtrArray *marks,
			child_done *done, void *data);

#endif
