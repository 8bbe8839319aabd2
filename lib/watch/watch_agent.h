/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_agent.h - the agent of a host: each set goes to monitord in its period, states when they
 * change.
 *
 * The main loop never calls libvirt, which may hang: lists and sets are made on threads.
 * Source: docs/monitoring.md.
 */
#ifndef WATCH_WATCH_AGENT_H
#define WATCH_WATCH_AGENT_H

#include "monitord/monitord_start.h"
#include "watch/watch_sets.h"

struct agent_rules {
	unsigned times_missing;	/* periods for which a VM must be missing until it is off */
	bool off_at_once;	/* a guest that ended by itself is off at once */
	bool strict;		/* a probe that fails spoils its set */
	const char *metrics;	/* static: the file for Prometheus; or NULL */
	char **argv;		/* of this process, borrowed: it may be continued with it */
};

/*
 * Answers the start message on stdout, closes stdout, and runs until SIGTERM. The exit status; 1
 * with ERROR: the host cannot be watched, and nothing was answered.
 */
int agent_run(const struct watch_place *place, const MonitordStart *start,
	      const struct agent_rules *rules, GError **error);

#endif
