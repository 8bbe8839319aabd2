/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - remembers the usage of VMs and of the host in memory, until it is written to the
 * files that OpenNebula's forecasts read. A disk that hangs or is full delays and costs nothing
 * else.
 *
 * Source: docs/monitoring.md, "Forecasts".
 */
#ifndef WATCH_HISTORY_H
#define WATCH_HISTORY_H

#include "monitor/host_usage.h"
#include "watch/forecast_rules.h"

typedef struct history History;

/* The files of DIRECTORY, which is borrowed. */
History *history_new(const char *directory);
void history_free(History *history);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(History, history_free)

/* Remembers what VMs of LIST (struct stats) use now, but for wild ones. Any thread. */
void history_take_vms(History *history, const GPtrArray *list);

/* Remembers what host HOST_ID uses now. Any thread. */
void history_take_host(History *history, const char *host_id, const struct host_usage *usage);

/* Whether so much is remembered that it is worth a write. Any thread. */
bool history_is_due(History *history);

/*
 * Writes what is remembered, as long as that takes; without the file of RULES it is forgotten. Why
 * it cannot be written is noted (watch_faults.h). Any thread.
 */
void history_write(History *history, const ForecastRules *rules);

#endif
