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

/* Makes the file in DIRECTORY, for as long as this process runs. VMM_ERROR_BUSY: another has it. */
bool agent_pid_take(const char *directory, GError **error);

/* Takes the id out of the file. */
void agent_pid_release(void);

#endif
