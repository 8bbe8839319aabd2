/* SPDX-License-Identifier: Apache-2.0 */
/* journal_print.h - option --journal: what the journals hold, for people and for programs. */
#ifndef ONE_VMM_EXEC_JOURNAL_PRINT_H
#define ONE_VMM_EXEC_JOURNAL_PRINT_H

#include "driver_settings.h"

/*
 * Prints what all journals hold that has not ended: VM, action, step, host and age; no other part
 * of a document. With options.journal_follow again and again, until standard output is closed.
 */
bool journal_print(const struct driver_settings *settings, GError **error);

#endif
