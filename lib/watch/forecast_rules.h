/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forecast_rules.h - OpenNebula's settings of forecasts on a host, forecast.conf.
 *
 * Source: docs/facts/monitoring.md 9.
 */
#ifndef WATCH_FORECAST_RULES_H
#define WATCH_FORECAST_RULES_H

#include "base/error.h"

enum forecast_kind { FORECAST_HOST, FORECAST_VM, FORECAST_KINDS };

struct forecast_section {
	bool enabled;
	gint64 period_us;	/* between two forecasts */
	unsigned weeks;		/* for which usage is kept */
};

typedef struct forecast_rules {
	bool is_there;		/* the file; releases without it have no forecasts */
	struct forecast_section section[FORECAST_KINDS];
} ForecastRules;

/*
 * The file PATH in RET. When it is not there, nothing is forecast and no usage kept. False: ERROR
 * says which value is wrong, nothing is forecast, and usage is kept for four weeks.
 */
bool forecast_rules_read(ForecastRules *ret, const char *path, GError **error);

/* "host", "virtualmachine": OpenNebula's name. Static. */
const char *forecast_kind_name(enum forecast_kind kind);

#endif
