/* SPDX-License-Identifier: Apache-2.0 */
/*
 * set_parts.h - answers OpenNebula's own probes without running them: each set of figures is made
 * of parts, a part for each probe.
 *
 * Calls may take as long as libvirt does; each set may be made on a thread of its own, one at a
 * time.
 */
#ifndef WATCH_SET_PARTS_H
#define WATCH_SET_PARTS_H

#include "monitor/fields.h"
#include "monitord/monitord_set.h"
#include "virt/connect.h"
#include "watch/watch_metrics.h"
#include "watch/watch_place.h"

typedef struct set_parts SetParts;

/* PLACE is copied, what it points to is borrowed. LOG (or NULL) gets what is wrong in settings. */
SetParts *set_parts_new(const struct watch_place *place, void (*log)(const char *text));
void set_parts_free(SetParts *parts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SetParts, set_parts_free)

/* libvirt may have been started anew: what it said of the host is asked again. Any thread. */
void set_parts_forget(SetParts *parts);

/* Begins what is due of forecasts, on a thread. In the main loop, each period or so. */
void set_parts_tick(SetParts *parts);

/* The agent ends: what would be lost is written. May take a second. */
void set_parts_end(SetParts *parts);

/* What was counted when the usage of VMs was last made. Any thread. */
void set_parts_count(SetParts *parts, struct watch_counts *ret);

/*
 * Whether calls hang on the connection, where they may delay others: the next set is to be made
 * with another, for which they are counted anew.
 */
bool set_parts_left_hanging(SetParts *parts);

/* Looks at CPU times: what is made next has percentages of the time from now on. */
bool set_parts_begin(SetParts *parts, virConnect *conn, GError **error);

/* Whether set ID is asked of libvirt now. */
bool set_parts_need_libvirt(enum monitord_set_id id);

/* Whether probe NAME ("cpu.sh") of set ID is answered here. */
bool set_parts_have(enum monitord_set_id id, const char *name);

/* A set that is being made. */
typedef struct parts_run PartsRun;

/* CONN may be NULL for sets that need no libvirt. */
PartsRun *parts_run_new(SetParts *parts, enum monitord_set_id id, virConnect *conn,
			GError **error);
void parts_run_free(PartsRun *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PartsRun, parts_run_free)

/* Adds to OUT what probe NAME would say, or, NULL, all probes in the order of their names. */
bool parts_run_add(PartsRun *run, const char *name, Fields *out, GError **error);

/* Adds what no probe of OpenNebula says. */
void parts_run_add_ours(PartsRun *run, Fields *out);

#endif
