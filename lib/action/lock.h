/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - one action at a time on one VM, by whatever user or program they are started.
 *
 * The lock is a file, locked with flock(), in a directory that only root and our user can reach:
 * nobody else can take it, and it is free again however the one that has it ends.
 */
#ifndef ACTION_LOCK_H
#define ACTION_LOCK_H

#include "base/error.h"

/*
 * Takes the lock of VM NAME until we end; one is enough, further calls do nothing. False after
 * WAIT_MS: VMM_ERROR_BUSY, naming the program that has it.
 */
bool lock_take(const char *name, unsigned wait_ms, GError **error);

#endif
