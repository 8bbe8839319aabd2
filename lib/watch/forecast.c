/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/forecast.h"

#include <string.h>

#include "base/file.h"
#include "monitor/stats.h"
#include "monitor/wild.h"
#include "virt/timed_call.h"
#include "watch/forecast_program.h"
#include "watch/own_directory.h"
#include "watch/watch_faults.h"
#include "watch/watch_thread.h"

enum { MOST_MS = 600000, FIRST_S = 60, MAX_PROBE = 1 << 20, MAX_START = 1 << 20 };

struct forecast {
	struct watch_place place;
	void (*log)(const char *text);
	History *history;
	char *rules_path;
	char *host_id;		/* as its tables and the forecast program have it */
	bool is_busy;		/* of the main loop alone, as the next two */
	gint64 next_us;		/* monotonic: when the program is to be run */
	gint64 last_us;		/* when it was; 0: never */
	ForecastRules rules;	/* of the run's thread */
	char *said;		/* what was last logged; or NULL */
	GMutex mutex;		/* of what follows */
	GHashTable *made;	/* lines by entity; or NULL */
	gint64 made_until_us;	/* until when they may be sent */
	GPtrArray *vms;		/* the entities that there were last */
	bool wants_host;
};

/*
 * OpenNebula's probe of the host names it, and releases differ in what they name: its number, or
 * always 0.
 */
static char *read_host_id(const struct watch_place *place)
{
	static const char word[] = "--entity host,";
	g_autofree char *folder = g_strconcat(place->argv[0], "-probes.d", NULL);
	g_autofree char *path = g_build_filename(place->set, "im", folder, "host", "monitor",
						 "prediction.sh", NULL);
	GString *text = file_read(path, MAX_PROBE, NULL);
	const char *at = text ? strstr(text->str, word) : NULL;
	size_t digits = at ? strspn(at + strlen(word), "0123456789") : 0;
	char *id = NULL;

	if (digits)
		id = g_strndup(at + strlen(word), digits);
	if (text)
		g_string_free(text, TRUE);
	if (id)
		return id;
	if (place->argv[1] && *place->argv[1] &&
	    strspn(place->argv[1], "0123456789") == strlen(place->argv[1]))
		return g_strdup(place->argv[1]);

	return g_strdup("0");
}

/* The shorter period of what is forecast. */
static gint64 period_of(const ForecastRules *rules)
{
	const struct forecast_section *host = &rules->section[FORECAST_HOST];
	const struct forecast_section *vm = &rules->section[FORECAST_VM];

	if (!vm->enabled && host->enabled)
		return host->period_us;
	if (vm->enabled && host->enabled)
		return MIN(vm->period_us, host->period_us);

	return vm->period_us;
}

Forecast *forecast_new(const struct watch_place *place, void (*log)(const char *text))
{
	Forecast *f = g_new0(Forecast, 1);

	f->place = *place;
	f->log = log;
	f->history = history_new(place->directory);
	f->rules_path = g_build_filename(place->set, "etc", "im", "kvm-probes.d", "forecast.conf",
					 NULL);
	f->host_id = read_host_id(place);
	f->vms = g_ptr_array_new_with_free_func(g_free);
	g_mutex_init(&f->mutex);
	forecast_rules_read(&f->rules, f->rules_path, NULL);
	f->next_us = g_get_monotonic_time() +
		     MIN(period_of(&f->rules), (gint64)FIRST_S * G_USEC_PER_SEC);

	return f;
}

void forecast_free(Forecast *f)
{
	if (!f)
		return;

	history_free(f->history);
	g_free(f->rules_path);
	g_free(f->host_id);
	g_free(f->said);
	g_clear_pointer(&f->made, g_hash_table_unref);
	g_ptr_array_unref(f->vms);
	g_mutex_clear(&f->mutex);
	g_free(f);
}

static char *entity_of_vm(const Forecast *f, const struct stats *s)
{
	return g_strdup_printf("%s,%" G_GINT64_FORMAT ",%s,%s", forecast_kind_name(FORECAST_VM),
			       wild_vm_id(s->name), s->uuid, f->place.directory);
}

static char *entity_of_host(const Forecast *f)
{
	return g_strdup_printf("%s,%s,%s,%s", forecast_kind_name(FORECAST_HOST), f->host_id,
			       f->host_id, f->place.directory);
}

/* Under the mutex. */
static void add_made(const Forecast *f, const char *entity, Fields *out)
{
	const char *lines = NULL;

	if (f->made && g_get_monotonic_time() < f->made_until_us)
		lines = g_hash_table_lookup(f->made, entity);
	if (lines)
		fields_add(out, "FORECAST", FIELDS_VERBATIM, "%s", lines);
}

void forecast_take_vms(Forecast *f, GPtrArray *list)
{
	history_take_vms(f->history, list);
	g_mutex_lock(&f->mutex);
	g_ptr_array_set_size(f->vms, 0);
	for (guint i = 0; i < list->len; i++) {
		struct stats *s = list->pdata[i];
		char *entity;

		if (wild_vm_id(s->name) < 0)
			continue;
		entity = entity_of_vm(f, s);
		s->forecast = fields_new();
		add_made(f, entity, s->forecast);
		g_ptr_array_add(f->vms, entity);
	}

	g_mutex_unlock(&f->mutex);
}

void forecast_take_host(Forecast *f, const struct host_usage *usage)
{
	history_take_host(f->history, f->host_id, usage);
}

void forecast_add_host(Forecast *f, Fields *out)
{
	g_autofree char *entity = entity_of_host(f);

	g_mutex_lock(&f->mutex);
	f->wants_host = true;
	add_made(f, entity, out);
	g_mutex_unlock(&f->mutex);
}

/* What is to be run at one time. */
struct forecast_run {
	Forecast *forecast;
	bool is_due;		/* the program; else the usage alone is written */
	gint64 since_s;
	gint64 period_us;	/* until the next; set by the run */
};

static void say_once(Forecast *f, const GError *error)
{
	if (error && g_strcmp0(error->message, f->said) != 0)
		f->log(error->message);
	g_free(f->said);
	f->said = error ? g_strdup(error->message) : NULL;
}

/* The program reads the periods of the start message there. */
static void keep_start(const Forecast *f)
{
	g_autofree char *path = g_build_filename(f->place.directory, "config", NULL);
	g_autoptr(GError) error = NULL;
	bool is_own = own_directory_check(f->place.directory, &error);
	GString *old = is_own ? file_read(path, MAX_START, NULL) : NULL;
	bool is_kept = old && g_str_equal(old->str, f->place.start);

	if (is_own && !is_kept)
		file_write(path, f->place.start, strlen(f->place.start), 0644, &error);
	watch_faults_note(path, error);
	if (old)
		g_string_free(old, TRUE);
}

static GPtrArray *wanted(Forecast *f)
{
	GPtrArray *entities = g_ptr_array_new_with_free_func(g_free);

	g_mutex_lock(&f->mutex);
	if (f->rules.section[FORECAST_HOST].enabled && f->wants_host)
		g_ptr_array_add(entities, entity_of_host(f));
	for (guint i = 0; f->rules.section[FORECAST_VM].enabled && i < f->vms->len; i++)
		g_ptr_array_add(entities, g_strdup(f->vms->pdata[i]));
	g_mutex_unlock(&f->mutex);

	return entities;
}

static void take_made(Forecast *f, GHashTable *made, gint64 period_us)
{
	g_mutex_lock(&f->mutex);
	g_clear_pointer(&f->made, g_hash_table_unref);
	f->made = made;
	f->made_until_us = g_get_monotonic_time() + 2 * period_us;
	g_mutex_unlock(&f->mutex);
}

static void run_program(struct forecast_run *r)
{
	Forecast *f = r->forecast;
	g_autoptr(GPtrArray) entities = wanted(f);
	g_autoptr(GError) error = NULL;
	gint64 limit_ms = CLAMP(r->period_us / 1000, 1000, MOST_MS);
	GHashTable *made;

	if (entities->len == 0 || !forecast_program_there(&f->place)) {
		take_made(f, NULL, 0);
		return;
	}

	keep_start(f);
	made = forecast_program_run(&f->place, entities, r->since_s, (unsigned)limit_ms, &error);
	say_once(f, error);
	if (made)
		take_made(f, made, r->period_us);
}

static void do_run(void *data)
{
	struct forecast_run *r = data;
	Forecast *f = r->forecast;
	g_autoptr(GError) error = NULL;

	if (!forecast_rules_read(&f->rules, f->rules_path, &error))
		say_once(f, error);
	history_write(f->history, &f->rules);
	r->period_us = period_of(&f->rules);
	if (r->is_due)
		run_program(r);
}

static void run_done(void *data)
{
	struct forecast_run *r = data;
	Forecast *f = r->forecast;

	f->is_busy = false;
	if (r->is_due)
		f->next_us = f->last_us + r->period_us;
	g_free(r);
}

void forecast_tick(Forecast *f)
{
	gint64 now_us = g_get_monotonic_time();
	bool is_due = now_us >= f->next_us;
	struct forecast_run *r;

	if (f->is_busy || (!is_due && !history_is_due(f->history)))
		return;

	r = g_new0(struct forecast_run, 1);
	*r = (struct forecast_run){ .forecast = f, .is_due = is_due };
	if (f->last_us)
		r->since_s = (now_us - f->last_us) / G_USEC_PER_SEC;
	if (is_due)
		f->last_us = now_us;
	f->is_busy = true;
	watch_thread_run(do_run, run_done, r);
}

static bool write_history(void *data, GError **error G_GNUC_UNUSED)
{
	Forecast *f = data;
	ForecastRules rules;

	forecast_rules_read(&rules, f->rules_path, NULL);
	history_write(f->history, &rules);

	return true;
}

static void leave(void *data G_GNUC_UNUSED)
{
}

void forecast_end(Forecast *f, unsigned limit_ms)
{
	virt_call(write_history, f, leave, limit_ms, NULL);
}
