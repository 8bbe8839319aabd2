/* journal_print.h - option --journal: what the journals hold, for people. */
#ifndef ONE_VMM_EXEC_JOURNAL_PRINT_H
#define ONE_VMM_EXEC_JOURNAL_PRINT_H

#include <glib.h>
#include <stdbool.h>

/* Prints what the journals in DIR hold that has not ended; no documents. */
bool journal_print(const char *dir, GError **error);

#endif
