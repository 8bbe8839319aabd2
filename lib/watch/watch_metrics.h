/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_metrics.h - what the agent counts of itself, in a file for Prometheus: the textfile
 * collector of its node exporter reads it.
 *
 * Used from the main loop alone. Source: docs/monitoring.md, "Metrics".
 */
#ifndef WATCH_WATCH_METRICS_H
#define WATCH_WATCH_METRICS_H

#include <glib.h>

#include "monitord/monitord_set.h"

typedef struct watch_metrics WatchMetrics;

/* How many VMs there were when their usage was last asked for. */
struct watch_counts {
	gint vms;		/* that run or are paused */
	gint silent_qemus;	/* whose figures could not be read */
	gint hung_agents;	/* whose guest's agent did not answer in time */
};

/* The file PATH, which is borrowed; NULL: none is written. Never freed. */
WatchMetrics *watch_metrics_new(const char *path);

/* A message of set ID arrived, or did not. */
void watch_metrics_sent(WatchMetrics *metrics, enum monitord_set_id id, bool arrived);

/* Has the file written on a thread, whole or not at all; why not is noted (watch_faults.h). */
void watch_metrics_write(WatchMetrics *metrics, const struct watch_counts *counts,
			 bool libvirt_is_up);

#endif
