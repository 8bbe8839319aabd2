/* SPDX-License-Identifier: Apache-2.0 */
/* journal_print.h - option --journal: what the journals hold, for people. */
#ifndef ONE_VMM_EXEC_JOURNAL_PRINT_H
#define ONE_VMM_EXEC_JOURNAL_PRINT_H

#include "driver_settings.h"

/* Prints what all journals hold that has not ended; no documents. */
bool journal_print(const struct driver_settings *settings, GError **error);

#endif
