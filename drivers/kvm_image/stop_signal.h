/* SPDX-License-Identifier: Apache-2.0 */
/* stop_signal.h - SIGINT and SIGTERM where long work of our own has to leave nothing behind. */
#ifndef KVM_IMAGE_STOP_SIGNAL_H
#define KVM_IMAGE_STOP_SIGNAL_H

#include "base/error.h"

/* From begin to end the two only note that they came. */
void stop_signal_begin(void);
void stop_signal_end(void);

/* Notes it, for who hears of a signal in another way. */
void stop_signal_note(void);

/* VMM_ERROR_CANCELLED, "WHAT: a signal to end came", if one did. */
bool stop_signal_check(GError **error, const char *what, ...) G_GNUC_PRINTF(2, 3);

#endif
