/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop_pause.h - notices that this driver did not run for long: it was stopped, or its machine
 * slept. Others may have acted for it meanwhile, as after a long time without a driver.
 */
#ifndef ONE_VMM_EXEC_LOOP_PAUSE_H
#define ONE_VMM_EXEC_LOOP_PAUSE_H

#include "conf/cfg.h"

typedef struct loop_pause LoopPause;

/* Seconds of a clock that nobody sets, and that does not stop while the machine sleeps. */
gint64 loop_clock_s(void);

/* The main loop did not turn for SECONDS. */
typedef void loop_paused(void *data, gint64 seconds);

/*
 * PAUSED(DATA) is called before anything else that the main loop has to do after a pause of more
 * than journal.resume_s; CFG is borrowed. A clock that is set is no pause.
 */
LoopPause *loop_pause_watch(const ConfCfg *cfg, loop_paused *paused, void *data);
void loop_pause_free(LoopPause *pause);

#endif
