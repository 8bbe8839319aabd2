/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forecast_program.h - runs OpenNebula's forecast program, which is a site's: nice, and with
 * limits.
 *
 * Source: docs/monitoring.md, "Forecasts"; docs/facts/monitoring.md 9.
 */
#ifndef WATCH_FORECAST_PROGRAM_H
#define WATCH_FORECAST_PROGRAM_H

#include "base/error.h"
#include "watch/watch_place.h"

/* Its name in the file of probes that are OpenNebula's own (probe_folder_record()). */
#define FORECAST_PROGRAM "lib/python/prediction.sh"

/* The program in the set of PLACE. The caller frees. */
char *forecast_program_path(const struct watch_place *place);

/* Whether the set of PLACE has it. */
bool forecast_program_there(const struct watch_place *place);

/* Whether it is OpenNebula's own: then one process makes all forecasts. */
bool forecast_program_stock(const struct watch_place *place);

/*
 * Has it make forecasts of ENTITIES ("virtualmachine,7,UUID,DIRECTORY"), within LIMIT_MS for all;
 * SINCE_S is the time since the last ones. The lines NAME="value" of each entity that it made some
 * of; g_hash_table_unref(). NULL: there are none at all, and ERROR says why.
 */
GHashTable *forecast_program_run(const struct watch_place *place, const GPtrArray *entities,
				 gint64 since_s, unsigned limit_ms, GError **error);

#endif
