/* SPDX-License-Identifier: Apache-2.0 */
/* older.h - ends an agent that runs already, ours or OpenNebula's. */
#ifndef WATCH_OLDER_H
#define WATCH_OLDER_H

#include "base/error.h"

/*
 * Ends each process whose command line is CLIENT with the words of ARGV, perhaps behind an
 * interpreter: SIGTERM, SIGKILL after LIMIT_MS. Unless we are root, those of other users than us
 * and root are left alone. False: one could not be ended.
 */
bool older_end(const char *client, const char *const *argv, unsigned limit_ms, GError **error);

#endif
