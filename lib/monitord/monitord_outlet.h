/* SPDX-License-Identifier: Apache-2.0 */
/* monitord_outlet.h - sends messages to monitord: a datagram, or a TCP connection for each. */
#ifndef MONITORD_MONITORD_OUTLET_H
#define MONITORD_MONITORD_OUTLET_H

#include "monitord/monitord_message.h"

typedef struct monitord_outlet MonitordOutlet;

/* For the address of START, which is looked up now. Errors: VMM_ERROR_CONNECTION. */
MonitordOutlet *monitord_outlet_new(const MonitordStart *start, GError **error);

void monitord_outlet_free(MonitordOutlet *outlet);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MonitordOutlet, monitord_outlet_free)

/*
 * Sends MESSAGE, within LIMIT_MS if it goes by TCP. True: the kernel has taken all of it. Errors:
 * VMM_ERROR_CONNECTION, naming the address.
 */
bool monitord_send(const MonitordOutlet *outlet, const struct monitord_message *message,
		   unsigned limit_ms, GError **error);

#endif
