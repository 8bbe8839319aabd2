/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitord_set.h - the sets of figures that a host sends to monitord: each is one type of message,
 * made each period.
 *
 * Source: docs/facts/monitoring.md 2.
 */
#ifndef MONITORD_MONITORD_SET_H
#define MONITORD_MONITORD_SET_H

#include <stdbool.h>

enum monitord_set_id {
	SET_SYSTEM_HOST, SET_MONITOR_HOST, SET_STATE_VM, SET_MONITOR_VM,
	SET_BEACON_HOST, SET_EXEC_VM, SET_SNAPSHOT_VM,
	SET_STATE_RUN,		/* what a site's own probes say of states */
	MONITORD_SETS
};

struct monitord_set {
	const char *path;	/* as OpenNebula names the directory of its probes: "vm/status" */
	const char *message;	/* its type */
	const char *period;	/* its name in the start message; NULL: it is fixed */
	unsigned period_s;	/* unless the start message has another */
	bool at_start;		/* the answer to START_MONITOR has it */
	bool tcp;		/* always, as its loss would be seen late */
	bool by_vm;		/* a line is a VM: may be sent in several messages */
};

/* In the order in which the answer to START_MONITOR has them. */
extern const struct monitord_set monitord_sets[MONITORD_SETS];

/* The set of that path; MONITORD_SETS: there is none. */
enum monitord_set_id monitord_set_by_path(const char *path);

#endif
