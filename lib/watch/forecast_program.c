/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/forecast_program.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/deadline.h"
#include "base/file.h"
#include "base/text.h"
#include "watch/probe_folder.h"
#include "watch/stock_probe.h"

enum { MAX_PROGRAM = 1 << 20, MAX_OUTPUT = 8 << 20, MAX_LINES = 128, MAX_REASON = 300 };
enum { NICE = 19, GRACE_MS = 500 };

static const guint64 max_memory = 1ULL << 30;

char *forecast_program_path(const struct watch_place *place)
{
	return g_build_filename(place->set, "im", FORECAST_PROGRAM, NULL);
}

bool forecast_program_there(const struct watch_place *place)
{
	g_autofree char *path = forecast_program_path(place);

	return access(path, X_OK) == 0;
}

bool forecast_program_stock(const struct watch_place *place)
{
	g_autofree char *path = forecast_program_path(place);
	g_autofree char *record = probe_folder_record(place->set, place->argv[0]);
	g_autoptr(GHashTable) recorded = stock_probe_recorded(record);
	GString *code = file_read(path, MAX_PROGRAM, NULL);
	bool is_stock = code && stock_probe_known(FORECAST_PROGRAM, code->str, recorded);

	if (code)
		g_string_free(code, TRUE);

	return is_stock;
}

/* The libraries of numbers would start a thread for each CPU, which costs memory. */
static char **environment(void)
{
	static const char *const names[] = {
		"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
	};
	char **env = g_environ_setenv(g_get_environ(), "LANG", "C", TRUE);

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		env = g_environ_setenv(env, names[i], "1", TRUE);

	return env;
}

/* 'CPU_FORECAST="12.5"'; "nan" is what is not known, and left out. */
static bool is_forecast(const char *line)
{
	size_t name = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	char *end = NULL;
	double value;

	if (name == 0 || !g_str_has_prefix(line + name, "=\""))
		return false;
	value = g_ascii_strtod(line + name + 2, &end);

	return end > line + name + 2 && g_str_equal(end, "\"") && isfinite(value);
}

/* What is being read of the program's output. */
struct reading {
	GHashTable *found;
	GString *kept;		/* forecasts of ENTITY */
	const char *entity;	/* NULL: what comes is of none that was asked for */
	guint n;
};

/* The end of an entity's lines. */
static void keep_forecasts(struct reading *r)
{
	if (r->entity && r->n > 0)
		g_hash_table_insert(r->found, g_strdup(r->entity), g_strdup(r->kept->str));
	g_string_truncate(r->kept, 0);
	r->n = 0;
}

static const char *asked_for(const GPtrArray *entities, const char *name)
{
	for (guint i = 0; i < entities->len; i++)
		if (g_str_equal(entities->pdata[i], name))
			return entities->pdata[i];

	return NULL;
}

/* "@ENTITY", and behind it its lines. */
static void take_line(struct reading *r, char *line, const GPtrArray *entities)
{
	if (*line == '@') {
		keep_forecasts(r);
		r->entity = asked_for(entities, line + 1);
	} else if (r->entity && r->n < MAX_LINES && is_forecast(g_strchomp(line))) {
		g_string_append_printf(r->kept, "%s\n", line);
		r->n++;
	}
}

/*
 * Keeps forecasts of TEXT, which is changed. It may be megabytes of anything, so that nothing is
 * kept but what is a forecast. ENTITY: whose it is until another is named; or NULL.
 */
static void keep_all(GHashTable *found, char *text, const char *entity, const GPtrArray *entities)
{
	struct reading r = { .found = found, .kept = g_string_new(NULL), .entity = entity };

	for (char *end, *line = text; line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		take_line(&r, line, entities);
	}

	keep_forecasts(&r);
	g_string_free(r.kept, TRUE);
}

/* What ended R without a forecast. */
static void say_why(const struct child_result *r, unsigned limit_ms, GError **error)
{
	const char *last = strrchr(g_strchomp(r->err->str), '\n');
	g_autofree char *text = text_line(last ? last : r->err->str, MAX_REASON);

	if (r->timed_out)
		vmm_fail(error, VMM_ERROR_TIMEOUT, "no forecasts: no end after %u s",
			 limit_ms / 1000);
	else if (r->signal)
		vmm_fail(error, VMM_ERROR_CONFIG, "no forecasts: signal %d: %s", r->signal, text);
	else if (*text)
		vmm_fail(error, VMM_ERROR_CONFIG, "no forecasts: %s", text);
	else
		vmm_fail(error, VMM_ERROR_CONFIG, "no forecasts: " FORECAST_PROGRAM
			 " printed none");
}

/* One run for all. */
struct running {
	const struct watch_place *place;
	GHashTable *found;
	gint64 until_us;	/* monotonic: all is over */
};

static unsigned left_ms(const struct running *r)
{
	return deadline_left_ms(r->until_us);
}

static bool run_child(const struct running *r, const char *const *argv, GBytes *input,
		      struct child_result *ret, GError **error)
{
	g_auto(GStrv) env = environment();
	unsigned limit_ms = left_ms(r);
	const struct child_spec spec = {
		.argv = argv, .input = input, .env = (const char *const *)env,
		.timeout_ms = limit_ms, .grace_ms = GRACE_MS, .nice = NICE,
		.max_memory = max_memory, .max_cpu_s = limit_ms / 1000 + 1,
		.max_output = MAX_OUTPUT,
	};

	return child_run(&spec, ret, error);
}

static bool run_together(const struct running *r, const GPtrArray *entities, gint64 since_s,
			 GError **error)
{
	g_autofree char *program = g_build_filename(r->place->set, "im", "forecasts.py", NULL);
	g_autofree char *home = g_build_filename(r->place->set, "im", "lib", "python", NULL);
	g_autofree char *since = g_strdup_printf("%" G_GINT64_FORMAT, since_s);
	const char *const argv[] = { "python3", program, home, since, NULL };
	GString *lines = g_string_new(NULL);
	g_autoptr(GBytes) input = NULL;
	struct child_result result = { 0 };
	unsigned limit_ms = left_ms(r);

	for (guint i = 0; i < entities->len; i++)
		g_string_append_printf(lines, "%s\n", (const char *)entities->pdata[i]);
	input = g_string_free_to_bytes(lines);
	if (!run_child(r, argv, input, &result, error))
		return false;

	keep_all(r->found, result.out->str, NULL, entities);
	if (g_hash_table_size(r->found) == 0)
		say_why(&result, limit_ms, error);
	child_result_clear(&result);

	return g_hash_table_size(r->found) > 0;
}

/* One that was edited, or is of a release that is not known, is run as OpenNebula does. */
static bool run_singly(const struct running *r, const GPtrArray *entities, GError **error)
{
	g_autofree char *path = forecast_program_path(r->place);
	g_autoptr(GPtrArray) none = g_ptr_array_new();
	g_autoptr(GError) first = NULL;

	for (guint i = 0; i < entities->len && left_ms(r) > 0; i++) {
		const char *const argv[] = { path, "--entity", entities->pdata[i], NULL };
		unsigned limit_ms = left_ms(r);
		struct child_result result = { 0 };

		if (!run_child(r, argv, NULL, &result, error))
			return false;
		if (result.exit_status == 0)
			keep_all(r->found, result.out->str, entities->pdata[i], none);
		if (!first)
			say_why(&result, limit_ms, &first);
		child_result_clear(&result);
	}

	if (g_hash_table_size(r->found) > 0)
		return true;

	return vmm_pass(error, &first);
}

GHashTable *forecast_program_run(const struct watch_place *place, const GPtrArray *entities,
				 gint64 since_s, unsigned limit_ms, GError **error)
{
	g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
							    g_free);
	const struct running r = { place, found, deadline_in_ms(limit_ms) };
	bool ok;

	if (forecast_program_stock(place))
		ok = run_together(&r, entities, since_s, error);
	else
		ok = run_singly(&r, entities, error);

	return ok ? g_steal_pointer(&found) : NULL;
}
