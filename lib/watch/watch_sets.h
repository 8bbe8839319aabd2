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

/* Where figures come from. Borrowed. */
struct watch_place {
	const char *uri;	/* of libvirt */
	const char *root;	/* the directory that stands for /; NULL: this host */
	const char *set;	/* the directory of the synced set */
	const char *datastores;	/* the directory of the datastores */
	unsigned limit_ms;	/* for each domain's counters */
};

typedef struct watch_sets WatchSets;

WatchSets *watch_sets_new(const struct watch_place *place);
void watch_sets_free(WatchSets *sets);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WatchSets, watch_sets_free)

/* Looks at CPU times: what is made next has percentages of the time from now on. */
bool watch_sets_begin(WatchSets *sets, virConnect *conn, GError **error);

/*
 * Makes set ID. Of states all, as a complete list. Empty: there is nothing to send. CONN may be
 * NULL for sets that need no libvirt (watch_sets_need_libvirt()). NULL: ERROR is set.
 */
Fields *watch_sets_make(WatchSets *sets, enum monitord_set_id id, virConnect *conn,
			GError **error);

bool watch_sets_need_libvirt(enum monitord_set_id id);

/* libvirt may have been started anew: what it said of the host is asked again. Any thread. */
void watch_sets_forget(WatchSets *sets);

#endif
