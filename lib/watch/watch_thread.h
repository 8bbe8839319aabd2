/* SPDX-License-Identifier: Apache-2.0 */
/* watch_thread.h - does what may hang on a thread of its own, and its end in the main loop. */
#ifndef WATCH_WATCH_THREAD_H
#define WATCH_WATCH_THREAD_H

#include <glib.h>

/*
 * Calls WORK with DATA on a thread, then DONE in the default main loop. DATA is WORK's until then:
 * for ever, if it hangs.
 */
void watch_thread_run(void (*work)(void *data), void (*done)(void *data), void *data);

#endif
