/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script_stderr.h - what a script's stderr means: lines for logs, and the reason of a
 * failure.
 *
 * Source: docs/facts/protocol.md 6.7, and its required improvements.
 */
#ifndef WIRE_SCRIPT_STDERR_H
#define WIRE_SCRIPT_STDERR_H

#include "base/error.h"

/* Called for each line worth logging. SEVERITY is E, W, I or D. */
typedef void script_stderr_log(void *data, char severity, const char *text);

/*
 * Splits STDERR_TEXT: each line goes to LOG once, with the severity of its
 * "ERROR:", "WARN:", "INFO:" or "DEBUG:" and without that word; "ERROR: 12 …"
 * drops the number when it is ID. Returns the reason: the text between the
 * ERROR MESSAGE markers if they are there, else all unmarked lines joined by one
 * blank; of at most MAX bytes, "" when there is none. Of very many lines those in the middle are
 * left out, but for the markers and what is between them. The caller frees.
 */
char *script_stderr_reason(const char *stderr_text, gint64 id, size_t max, script_stderr_log *log,
			   void *data);

#endif
