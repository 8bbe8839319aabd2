/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - the main loop: reads lines from oned, runs jobs, ends in order.
 *
 * Source: docs/facts/protocol.md 3.3 to 3.5.
 */
#ifndef ONE_VMM_EXEC_SERVER_H
#define ONE_VMM_EXEC_SERVER_H

#include "driver_settings.h"

/* Prints the requests in the journals that have not ended. */
bool server_print_journal(const struct driver_settings *settings, GError **error);

/*
 * Serves standard input until FINALIZE, its end or SIGTERM, then gives running jobs some seconds to
 * end. SIGHUP reads SETTINGS again. *RET_STATUS is the exit status: 0, or 255 if the input ended
 * without FINALIZE. False with ERROR set: it could not start.
 */
bool server_run(struct driver_settings *settings, int *ret_status, GError **error);

#endif
