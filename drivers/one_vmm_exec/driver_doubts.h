/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver_doubts.h - what the arguments and vmm_exec.cfg say that is allowed, and probably a
 * mistake: the driver starts all the same, as the one that it replaces does.
 */
#ifndef ONE_VMM_EXEC_DRIVER_DOUBTS_H
#define ONE_VMM_EXEC_DRIVER_DOUBTS_H

#include "driver_settings.h"

/* Of char *, each a sentence without an end, for oned's log and --check-config. Caller unrefs. */
GPtrArray *driver_doubts(const struct driver_settings *settings);

#endif
