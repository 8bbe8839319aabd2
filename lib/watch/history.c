/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/history.h"

#include <string.h>

#include "monitor/stats.h"
#include "monitor/wild.h"
#include "watch/history_file.h"
#include "watch/watch_faults.h"

/* Ten periods are written together. What a disk does not take for some fifty more is lost. */
enum { ENOUGH = 10, MOST_SAMPLES = 800 };

struct history {
	const char *directory;
	GMutex mutex;
	GHashTable *pending;	/* struct history_series by its file */
	guint takes;		/* times that usage was taken since the last write */
};

static void series_free(void *data)
{
	struct history_series *s = data;

	g_free(s->entity);
	g_free(s->file);
	g_array_unref(s->samples);
	g_free(s);
}

static GHashTable *new_pending(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, series_free);
}

History *history_new(const char *directory)
{
	History *h = g_new0(History, 1);

	h->directory = directory;
	g_mutex_init(&h->mutex);
	h->pending = new_pending();

	return h;
}

void history_free(History *h)
{
	if (!h)
		return;

	g_hash_table_unref(h->pending);
	g_mutex_clear(&h->mutex);
	g_free(h);
}

/* "GPU_MEMORY_FREE" is "gpumemoryfree" in names of tables. */
static const char *figure_of(const char *name)
{
	GString *text = g_string_new(NULL);
	const char *figure;

	for (const char *c = name; *c; c++)
		if (*c != '_')
			g_string_append_c(text, g_ascii_tolower(*c));
	figure = g_intern_string(text->str);
	g_string_free(text, TRUE);

	return figure;
}

static void put_sample(struct history_series *s, gint64 time_s, const char *name, double value)
{
	const struct history_sample sample = { figure_of(name), time_s, value };

	if (s->samples->len >= MOST_SAMPLES)
		g_array_remove_range(s->samples, 0, MOST_SAMPLES / 2);
	g_array_append_val(s->samples, sample);
}

/* FILE and ENTITY are taken. */
static struct history_series *series_of(GHashTable *pending, char *file, char *entity)
{
	struct history_series *s = g_hash_table_lookup(pending, file);

	if (s) {
		g_free(file);
		g_free(entity);
		return s;
	}

	s = g_new0(struct history_series, 1);
	s->file = file;
	s->entity = entity;
	s->samples = g_array_new(FALSE, FALSE, sizeof(struct history_sample));
	g_hash_table_insert(pending, s->file, s);

	return s;
}

static void take_vm(GHashTable *pending, const struct stats *s, gint64 time_s)
{
	gint64 id = wild_vm_id(s->name);
	struct history_series *to;

	if (id < 0)
		return;

	to = series_of(pending, g_strdup_printf("%" G_GINT64_FORMAT ".db", id),
		       g_strdup_printf("virtualmachine_%" G_GINT64_FORMAT, id));
	if (s->cpu_percent >= 0)
		put_sample(to, time_s, "CPU", s->cpu_percent);
	if (s->memory_kib)
		put_sample(to, time_s, "MEMORY", (double)s->memory_kib);
	for (int i = 0; i < VIRT_COUNTERS && stats_has_counters(s); i++)
		put_sample(to, time_s, stats_counter_name((enum virt_counter)i),
			   (double)s->counter[i]);
	for (int i = 0; i < GPU_FIGURES && s->gpus.count; i++) {
		double value = guest_gpus_figure(&s->gpus, (enum guest_gpu_figure)i);

		if (value >= 0)
			put_sample(to, time_s, guest_gpus_name((enum guest_gpu_figure)i), value);
	}
}

void history_take_vms(History *h, const GPtrArray *list)
{
	gint64 now_s = g_get_real_time() / G_USEC_PER_SEC;

	g_mutex_lock(&h->mutex);
	for (guint i = 0; i < list->len; i++)
		take_vm(h->pending, list->pdata[i], now_s);
	h->takes++;
	g_mutex_unlock(&h->mutex);
}

void history_take_host(History *h, const char *host_id, const struct host_usage *usage)
{
	gint64 now_s = g_get_real_time() / G_USEC_PER_SEC;
	struct history_series *to;

	g_mutex_lock(&h->mutex);
	to = series_of(h->pending, g_strdup("host.db"), g_strconcat("host_", host_id, NULL));
	to->is_host = true;
	for (int i = 0; i < HOST_FIGURES; i++)
		put_sample(to, now_s, host_usage_name((enum host_figure)i),
			   (double)usage->figure[i]);
	g_mutex_unlock(&h->mutex);
}

bool history_is_due(History *h)
{
	bool is_due;

	g_mutex_lock(&h->mutex);
	is_due = h->takes >= ENOUGH;
	g_mutex_unlock(&h->mutex);

	return is_due;
}

/* What could not be written goes before what was taken meanwhile. */
static void give_back(History *h, struct history_series *from)
{
	struct history_series *to;

	g_mutex_lock(&h->mutex);
	to = series_of(h->pending, g_strdup(from->file), g_strdup(from->entity));
	to->is_host = from->is_host;
	if (from->samples->len + to->samples->len <= MOST_SAMPLES)
		g_array_prepend_vals(to->samples, from->samples->data, from->samples->len);
	g_mutex_unlock(&h->mutex);
}

static GHashTable *take_pending(History *h)
{
	GHashTable *pending;

	g_mutex_lock(&h->mutex);
	pending = h->pending;
	h->pending = new_pending();
	h->takes = 0;
	g_mutex_unlock(&h->mutex);

	return pending;
}

void history_write(History *h, const ForecastRules *rules)
{
	g_autoptr(GHashTable) pending = take_pending(h);
	g_autoptr(GError) first = NULL;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, pending);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct history_series *s = value;
		enum forecast_kind kind = s->is_host ? FORECAST_HOST : FORECAST_VM;
		g_autoptr(GError) error = NULL;

		if (!rules->is_there)
			break;
		if (history_file_add(h->directory, s, rules->section[kind].weeks, &error))
			continue;
		give_back(h, s);
		if (!first)
			first = g_steal_pointer(&error);
	}

	if (g_hash_table_size(pending) > 0)
		watch_faults_note("usage", first);
}
