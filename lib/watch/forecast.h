/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forecast.h - what OpenNebula's forecast program expects of the host and of its VMs: it is run
 * each period of forecast.conf, on a thread, and what it said goes with all sets until its next
 * run. Before it runs, the usage is written that it reads.
 *
 * Source: docs/monitoring.md, "Forecasts".
 */
#ifndef WATCH_FORECAST_H
#define WATCH_FORECAST_H

#include "monitor/fields.h"
#include "watch/history.h"
#include "watch/watch_place.h"

typedef struct forecast Forecast;

/* PLACE is copied, what it points to is borrowed. LOG gets why there are no forecasts, once. */
Forecast *forecast_new(const struct watch_place *place, void (*log)(const char *text));
void forecast_free(Forecast *forecast);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Forecast, forecast_free)

/* What VMs of LIST (struct stats) use now is kept; their forecasts are added. Any thread. */
void forecast_take_vms(Forecast *forecast, GPtrArray *list);

/* What the host uses now is kept. Any thread. */
void forecast_take_host(Forecast *forecast, const struct host_usage *usage);

/* Adds forecasts of the host, which from now on are made. Any thread. */
void forecast_add_host(Forecast *forecast, Fields *out);

/* Begins what is due, unless it is still in progress. In the main loop, each period or so. */
void forecast_tick(Forecast *forecast);

/* Writes the usage that is kept, for LIMIT_MS at most: the agent ends. */
void forecast_end(Forecast *forecast, unsigned limit_ms);

#endif
