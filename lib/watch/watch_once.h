/* SPDX-License-Identifier: Apache-2.0 */
/* watch_once.h - one set of figures by hand: printed, or sent to monitord as the agent sends it. */
#ifndef WATCH_WATCH_ONCE_H
#define WATCH_WATCH_ONCE_H

#include "monitord/monitord_start.h"
#include "watch/watch_sets.h"

/*
 * Makes set ID within LIMIT_MS; CPU percentages are of one second. VMM_ERROR_CONNECTION: libvirt
 * did not answer; a call may then still be in progress (virt_call_any_abandoned()).
 */
Fields *watch_once(const struct watch_place *place, enum monitord_set_id id, unsigned limit_ms,
		   GError **error);

/* Sends FIELDS, made now, as set ID to the monitord of START. */
bool watch_send_once(const MonitordStart *start, enum monitord_set_id id, const Fields *fields,
		     GError **error);

#endif
