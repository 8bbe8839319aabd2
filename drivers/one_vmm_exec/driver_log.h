/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver_log.h - the driver's own log, a file or systemd's journal: all that is sent to oned and
 * more, with times.
 */
#ifndef ONE_VMM_EXEC_DRIVER_LOG_H
#define ONE_VMM_EXEC_DRIVER_LOG_H

#include "conf/cfg.h"

typedef struct driver_log DriverLog;

/* Never fails: if the file cannot be opened, that is reported on stderr and nothing is logged. */
DriverLog *driver_log_new(const ConfCfg *cfg);
void driver_log_free(DriverLog *log);

/* Opens the file again, by the name that CFG has now: after a rotation, or another log.file. */
void driver_log_reopen(DriverLog *log, const ConfCfg *cfg);

/* True when lines of SEVERITY (E, W, I or D) are wanted: log.level. */
bool driver_log_wants(const DriverLog *log, char severity);

/* A line about VM ID (-1: none). KIND: "log" or "reply". */
void driver_log_line(DriverLog *log, char severity, gint64 id, const char *kind, const char *text);

#endif
