/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - does what may hang on a thread of its own, and its end in the main loop. */
#ifndef WATCH_WORKER_H
#define WATCH_WORKER_H

#include <glib.h>

/*
 * Calls WORK with DATA on a thread, then DONE in the default main loop. DATA is WORK's until then:
 * for ever, if it hangs.
 */
void worker_run(void (*work)(void *data), void (*done)(void *data), void *data);

#endif
