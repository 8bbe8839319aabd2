/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/forecast_rules.h"

#include <string.h>

#include "base/number.h"
#include "conf/yaml_pairs.h"

enum { WEEKS = 4, MAX_WEEKS = 520 };

static const double minutes = 5, least_minutes = 0.01, most_minutes = 1440;

const char *forecast_kind_name(enum forecast_kind kind)
{
	return kind == FORECAST_HOST ? "host" : "virtualmachine";
}

static bool read_minutes(const char *text, gint64 *ret_us, GError **error)
{
	char *end = NULL;
	double value = g_ascii_strtod(text, &end);

	if (!*text || *end || !(value >= least_minutes && value <= most_minutes))
		return vmm_fail(error, VMM_ERROR_CONFIG,
				"'%s' is not a number of minutes up to %.0f", text, most_minutes);
	*ret_us = (gint64)(value * 60 * G_USEC_PER_SEC);

	return true;
}

static bool read_weeks(const char *text, unsigned *ret, GError **error)
{
	guint64 number;

	if (!number_unsigned(text, 1, MAX_WEEKS, &number, error))
		return false;
	*ret = (unsigned)number;

	return true;
}

/* The values of a section as read; only all of them together say what they mean. */
struct draft {
	bool is_near, is_far;
	gint64 period_us;
	unsigned weeks;
};

/* "forecast/period", and "forecast_period" of the first releases that had forecasts. */
static bool read_value(struct draft *d, const char *key, const char *text, GError **error)
{
	if (g_str_equal(key, "db_retention"))
		return read_weeks(text, &d->weeks, error);
	if (g_str_equal(key, "forecast/period") || g_str_equal(key, "forecast_period"))
		return read_minutes(text, &d->period_us, error);
	if (g_str_equal(key, "forecast/enabled"))
		return number_bool(text, &d->is_near, error);
	if (g_str_equal(key, "forecast_far/enabled"))
		return number_bool(text, &d->is_far, error);

	return true;
}

static bool read_section(struct draft *d, const GPtrArray *places, const char *section,
			 GError **error)
{
	g_autofree char *prefix = g_strconcat(section, "/", NULL);

	for (guint i = 0; i < places->len; i++) {
		const struct yaml_place *place = places->pdata[i];
		const char *key = place->path + strlen(prefix);

		if (!g_str_has_prefix(place->path, prefix) || !*place->values)
			continue;
		if (!read_value(d, key, *place->values, error)) {
			g_prefix_error(error, "%s: ", place->path);
			return false;
		}
	}

	return true;
}

bool forecast_rules_read(ForecastRules *ret, const char *path, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GPtrArray) places = yaml_places_read(path, &cause);
	const gint64 period_us = (gint64)(minutes * 60 * G_USEC_PER_SEC);
	struct draft d[FORECAST_KINDS];

	for (int i = 0; i < FORECAST_KINDS; i++) {
		ret->section[i] = (struct forecast_section){ false, period_us, WEEKS };
		d[i] = (struct draft){ true, true, period_us, WEEKS };
	}

	ret->is_there = places || !vmm_is(cause, VMM_ERROR_NOT_FOUND);
	if (!ret->is_there)
		return true;
	if (!places)
		return vmm_pass(error, &cause);

	for (int i = 0; i < FORECAST_KINDS; i++) {
		if (read_section(&d[i], places, forecast_kind_name((enum forecast_kind)i), error))
			continue;
		g_prefix_error(error, "%s: ", path);
		return false;
	}

	for (int i = 0; i < FORECAST_KINDS; i++)
		ret->section[i] = (struct forecast_section){ d[i].is_near || d[i].is_far,
							     d[i].period_us, d[i].weeks };

	return true;
}
