/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_pid.h - the file with the agent's process id: actions send it SIGUSR1 when devices of the
 * host changed. Its lock keeps a second agent away.
 *
 * Source: docs/facts/monitoring.md 1.
 */
#ifndef WATCH_AGENT_PID_H
#define WATCH_AGENT_PID_H

#include "base/error.h"

/*
 * Makes the file in DIRECTORY, for as long as this process runs. One that cannot be made is noted
 * (watch_faults.h), and true: this host is watched without it. VMM_ERROR_BUSY: another agent has
 * it.
 */
bool agent_pid_take(const char *directory, GError **error);

/* Tries again, on a thread, what could not be done then. In the main loop, each period or so. */
void agent_pid_keep(const char *directory);

/* Takes the id out of the file. */
void agent_pid_release(void);

#endif
