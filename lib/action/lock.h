/*
 * lock.h - one action at a time on one VM, whoever starts them.
 *
 * The lock is the name of an abstract socket: any user may take it, it needs no
 * directory, ends with the process however that ends, and whoever waits for it
 * hears of that end.
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
