/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_sets.h - makes each set of figures of this host, with what it has to remember from one time
 * to the next.
 *
 * Calls may take as long as libvirt does; each set may be made on a thread of its own, one at a
 * time.
 * Source: docs/monitoring.md.
 */
#ifndef WATCH_WATCH_SETS_H
#define WATCH_WATCH_SETS_H

#include "monitor/fields.h"
#include "monitord/monitord_set.h"
#include "virt/connect.h"
#include "watch/watch_metrics.h"
#include "watch/watch_place.h"

typedef struct watch_sets WatchSets;

/* PLACE is copied, what it points to is borrowed. LOG (or NULL) gets why a probe failed. */
WatchSets *watch_sets_new(const struct watch_place *place, void (*log)(const char *text));
void watch_sets_free(WatchSets *sets);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WatchSets, watch_sets_free)

/* Looks at CPU times: what is made next has percentages of the time from now on. */
bool watch_sets_begin(WatchSets *sets, virConnect *conn, GError **error);

/*
 * Makes set ID with a period of PERIOD_S: what is answered here, and what is run. Of states all, as
 * a complete list. Empty: there is nothing to send. CONN may be NULL for sets that need no libvirt
 * (watch_sets_need_libvirt()). NULL: ERROR is set; VMM_ERROR_CONFIG: a probe failed where that
 * spoils the set.
 */
Fields *watch_sets_make(WatchSets *sets, enum monitord_set_id id, virConnect *conn,
			unsigned period_s, GError **error);

/* As watch_sets_make(), but only what is run. */
Fields *watch_sets_make_run(WatchSets *sets, enum monitord_set_id id, unsigned period_s,
			    GError **error);

/* What was counted when the usage of VMs was last made. Any thread. */
void watch_sets_count(const WatchSets *sets, struct watch_counts *ret);

/* As set_parts_left_hanging(). */
bool watch_sets_left_hanging(WatchSets *sets);

/* As set_parts_tick() and set_parts_end(). */
void watch_sets_tick(WatchSets *sets);
void watch_sets_end(WatchSets *sets);

/* Whether set ID cannot be made without a connection to libvirt. */
bool watch_sets_need_libvirt(enum monitord_set_id id);

/* Whether something of set ID is answered here, or run. They look at the folder of its probes. */
bool watch_sets_answer(const WatchSets *sets, enum monitord_set_id id);
bool watch_sets_run(const WatchSets *sets, enum monitord_set_id id);

/* libvirt may have been started anew: what it said of the host is asked again. Any thread. */
void watch_sets_forget(WatchSets *sets);

#endif
