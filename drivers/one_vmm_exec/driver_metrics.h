/*
 * driver_metrics.h - counters for a monitoring system, in the text format of Prometheus, in a file
 * that is whole at any moment (for node_exporter's textfile collector).
 */
#ifndef ONE_VMM_EXEC_DRIVER_METRICS_H
#define ONE_VMM_EXEC_DRIVER_METRICS_H

#include "transport/host_health.h"
#include "journal/journal.h"

typedef struct metrics Metrics;

Metrics *metrics_new(void);
void metrics_free(Metrics *metrics);

/* ACTION has ended after SECONDS. INFO: of its reply; what stands in "[class]" is counted. */
void metrics_action(Metrics *metrics, const char *action, bool success, const char *info,
		    double seconds);

/* Whether the journal can be written now. */
void metrics_journal(Metrics *metrics, bool safe);

/* What is so at the moment of metrics_write(). */
struct metrics_now {
	guint waiting, running;		/* actions */
	const Health *health;		/* of the hosts */
	struct journal_cost journal;
};

bool metrics_write(const Metrics *metrics, const char *file, const struct metrics_now *now,
		   GError **error);

#endif
