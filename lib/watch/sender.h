/* SPDX-License-Identifier: Apache-2.0 */
/* sender.h - sends messages to monitord on a thread of its own, one after the other. */
#ifndef WATCH_SENDER_H
#define WATCH_SENDER_H

#include "monitord/monitord_outlet.h"

/* In the main loop: what HEAD heads was sent, or ERROR says why not. */
typedef void sender_done(const struct monitord_head *head, const GError *error, void *data);

typedef struct sender Sender;

/* START is borrowed, and the sender never freed. */
Sender *sender_new(const MonitordStart *start, sender_done *done, void *data, GError **error);

/* Sends TEXT as SET, made now; OK: see struct monitord_head. DONE follows. */
void sender_send(Sender *sender, enum monitord_set_id set, bool ok, const char *text);

#endif
