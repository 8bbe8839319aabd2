/* driver_log.h - the driver's own log file: what oned is told, and what it is not, with times. */
#ifndef ONE_VMM_EXEC_DRIVER_LOG_H
#define ONE_VMM_EXEC_DRIVER_LOG_H

#include "conf/cfg.h"

typedef struct log Log;

/* Never fails: a file that cannot be opened is said on stderr, and nothing is logged. */
Log *log_new(const ConfCfg *cfg);
void log_free(Log *log);

/* True when lines of SEVERITY (E, W, I or D) are wanted: log.level. */
bool log_wants(const Log *log, char severity);

/* A line about VM ID (-1: none). KIND: "log" or "reply". */
void log_line(Log *log, char severity, gint64 id, const char *kind, const char *text);

#endif
