/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - serializes the actions on a VM, whichever user or program starts them, and those that
 * share out what a host has only so much of.
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
 * As lock_take(), of what guests of this host share: an action holds it from when it counts that
 * until its guest runs: until lock_release_host() or the process's end.
 */
bool lock_take_host(unsigned wait_ms, GError **error);
void lock_release_host(void);

/*
 * Takes the lock of VM NAME at once, for a program that watches: that is not noted as an action's
 * work. NULL: an action has it, or there is none to be had. lock_let_go() it.
 */
typedef struct lock_hold LockHold;
LockHold *lock_try(const char *name);
void lock_let_go(LockHold *hold);

/*
 * When an action last took the lock of VM NAME, in seconds since 1970; 0: not known. RET_HELD:
 * whether one holds it now. For programs that only watch: no lock is made, none is kept.
 */
gint64 lock_last_taken_s(const char *name, bool *ret_held);

#endif
