/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver_metrics.h - counters for a monitoring system, in Prometheus' text format, in a file that
 * is replaced atomically (for node_exporter's textfile collector).
 */
#ifndef ONE_VMM_EXEC_DRIVER_METRICS_H
#define ONE_VMM_EXEC_DRIVER_METRICS_H

#include "transport/remote.h"
#include "journal/journal.h"

typedef struct driver_metrics DriverMetrics;

DriverMetrics *driver_metrics_new(void);
void driver_metrics_free(DriverMetrics *metrics);

/* ACTION has ended after SECONDS. The class in INFO, its reply ("… [class]"), is counted. */
void driver_metrics_action(DriverMetrics *metrics, const char *action, bool success,
			   const char *info, double seconds);

/* Whether the journal can be written now. */
void driver_metrics_journal(DriverMetrics *metrics, bool safe);

/* Values at the moment of driver_metrics_write(). */
struct driver_metrics_now {
	guint waiting, running;		/* actions */
	const HostHealth *health;       /* of the hosts */
	struct remote_steps steps;
	const Workers *workers;
	struct journal_cost journal;
};

/* Replaces FILE by one with all counters, and NOW. Errors: those of file_write(). */
bool driver_metrics_write(const DriverMetrics *metrics, const char *file,
			  const struct driver_metrics_now *now, GError **error);

#endif
