/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - the loop: lines from oned in, jobs run, an orderly end.
 *
 * Source: docs/facts/protocol.md 3.3 to 3.5.
 */
#ifndef ONE_VMM_EXEC_SERVER_H
#define ONE_VMM_EXEC_SERVER_H

#include "driver_settings.h"

/* Prints what the journals hold that has not ended. */
bool server_print_journal(const struct driver_settings *settings, GError **error);

/*
 * Serves standard input until FINALIZE, its end or SIGTERM, then lets what
 * runs end within seconds. *RET_STATUS is our exit status: 0, or 255 when the input ended
 * without FINALIZE. False with ERROR set: it could not start.
 */
bool server_run(const struct driver_settings *settings, int *ret_status, GError **error);

#endif
