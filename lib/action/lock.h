/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - serializes the actions on a VM, whichever user or program starts them.
 *
 * The lock is a file, locked with flock(), in a directory that only root and our user can reach: no
 * other user can take it, and the kernel releases it however its holder ends.
 */
#ifndef ACTION_LOCK_H
#define ACTION_LOCK_H

#include "base/error.h"

/*
 * Takes the lock of VM NAME until the process ends; further calls do nothing. False after WAIT_MS:
 * VMM_ERROR_BUSY, naming the program that holds it.
 */
bool lock_take(const char *name, unsigned wait_ms, GError **error);

/*
 * When an action last took the lock of VM NAME, in seconds since 1970; 0: not known. RET_HELD:
 * whether one holds it now. For programs that only watch: no lock is made, none is kept.
 */
gint64 lock_last_taken_s(const char *name, bool *ret_held);

#endif
