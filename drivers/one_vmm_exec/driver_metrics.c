/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_metrics.h"

#include "base/file.h"
#include "base/text.h"

static const double bounds[] = { 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800 };

enum { BUCKETS = G_N_ELEMENTS(bounds), MAX_CLASS = 20 };

struct times {
	guint64 bucket[BUCKETS];	/* actions of at most that many seconds */
	guint64 count;
	double sum;
};

struct driver_metrics {
	GHashTable *results;		/* labels to guint64 */
	GHashTable *times;		/* action to struct times */
	gint64 started_s;		/* since 1970 */
	bool journal_safe;
	guint64 journal_failures;	/* how often it could not be written any more */
};

DriverMetrics *driver_metrics_new(void)
{
	DriverMetrics *m = g_new0(DriverMetrics, 1);

	m->started_s = g_get_real_time() / G_USEC_PER_SEC;
	m->journal_safe = true;
	m->results = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	m->times = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	return m;
}

void driver_metrics_free(DriverMetrics *m)
{
	if (!m)
		return;

	g_hash_table_unref(m->results);
	g_hash_table_unref(m->times);
	g_free(m);
}

/* Counts changes from safe to not safe, not each write that fails meanwhile. */
void driver_metrics_journal(DriverMetrics *m, bool safe)
{
	m->journal_failures += m->journal_safe && !safe;
	m->journal_safe = safe;
}

/* The class of a failure whose text does not end with one. */
static const char *class_of_text(const char *info)
{
	if (strstr(info, "Error connecting to "))
		return "connection";
	if (strstr(info, "outcome unknown"))
		return "unknown";

	return "other";
}

/* The last "[word]" of INFO, or what its text says. The caller frees. */
static char *class_of(const char *info)
{
	const char *end = strrchr(info, ']'), *p = end;

	while (p && p > info && (g_ascii_islower(p[-1]) || p[-1] == '-'))
		p--;
	if (!p || p == info || p[-1] != '[' || p == end || end - p > MAX_CLASS)
		return g_strdup(class_of_text(info));

	return g_strndup(p, (gsize)(end - p));
}

void driver_metrics_action(DriverMetrics *m, const char *action, bool success, const char *info,
			   double seconds)
{
	/*
	 * Only the reason's class is a label: the reason itself would make a time series for each
	 * VM.
	 */
	g_autofree char *class = success ? g_strdup("") : class_of(text_or(info, ""));
	g_autofree char *labels = g_strdup_printf("action=\"%s\",result=\"%s\",class=\"%s\"",
						  action, success ? "success" : "failure", class);
	guint64 *count = g_hash_table_lookup(m->results, labels);
	struct times *t = g_hash_table_lookup(m->times, action);

	if (!count) {
		count = g_new0(guint64, 1);
		g_hash_table_insert(m->results, g_steal_pointer(&labels), count);
	}

	if (!t) {
		t = g_new0(struct times, 1);
		g_hash_table_insert(m->times, g_strdup(action), t);
	}

	++*count;
	t->count++;
	t->sum += seconds;
	for (size_t i = 0; i < BUCKETS; i++)
		t->bucket[i] += seconds <= bounds[i];
}

/* The lines before the values of metric NAME. */
static void print_head(GString *to, const char *name, const char *type, const char *help)
{
	g_string_append_printf(to, "# HELP vmm_exec_%s %s\n# TYPE vmm_exec_%s %s\n", name, help,
			       name, type);
}

static void print_one(GString *to, const char *name, const char *type, const char *help,
		      guint64 value)
{
	print_head(to, name, type, help);
	g_string_append_printf(to, "vmm_exec_%s %" G_GUINT64_FORMAT "\n", name, value);
}

/* In an order that stays: a hash table has none. */
static GList *sorted_keys(GHashTable *table)
{
	return g_list_sort(g_hash_table_get_keys(table), (GCompareFunc)g_strcmp0);
}

/* TEXT as a label's value. Source: prometheus.io, "Exposition formats". The caller frees. */
static char *label(const char *text)
{
	GString *out = g_string_new(text);

	g_string_replace(out, "\\", "\\\\", 0);
	g_string_replace(out, "\"", "\\\"", 0);
	g_string_replace(out, "\n", "\\n", 0);

	return g_string_free(out, FALSE);
}

/* Buckets are cumulative, as Prometheus wants its histograms. */
static void print_times(GString *to, const char *action, const struct times *t)
{
	char number[G_ASCII_DTOSTR_BUF_SIZE];

	for (size_t i = 0; i < BUCKETS; i++)
		g_string_append_printf(to, "vmm_exec_action_seconds_bucket{action=\"%s\","
				       "le=\"%s\"} %" G_GUINT64_FORMAT "\n", action,
				       g_ascii_formatd(number, sizeof(number), "%g", bounds[i]),
				       t->bucket[i]);
	g_string_append_printf(to, "vmm_exec_action_seconds_bucket{action=\"%s\",le=\"+Inf\"} %"
			       G_GUINT64_FORMAT "\n", action, t->count);
	g_string_append_printf(to, "vmm_exec_action_seconds_sum{action=\"%s\"} %s\n", action,
			       g_ascii_formatd(number, sizeof(number), "%.3f", t->sum));
	g_string_append_printf(to, "vmm_exec_action_seconds_count{action=\"%s\"} %"
			       G_GUINT64_FORMAT "\n", action, t->count);
}

static void print_actions(GString *to, const DriverMetrics *m)
{
	g_autoptr(GList) results = sorted_keys(m->results);
	g_autoptr(GList) actions = sorted_keys(m->times);

	print_head(to, "actions_total", "counter", "Actions that were answered.");
	for (const GList *l = results; l; l = l->next)
		g_string_append_printf(to, "vmm_exec_actions_total{%s} %" G_GUINT64_FORMAT "\n",
				       (char *)l->data,
				       *(guint64 *)g_hash_table_lookup(m->results, l->data));

	print_head(to, "action_seconds", "histogram", "From request to answer.");
	for (const GList *l = actions; l; l = l->next)
		print_times(to, l->data, g_hash_table_lookup(m->times, l->data));
}

static void print_steps(void *data, const char *host, enum host_health_state state G_GNUC_UNUSED,
			unsigned inflight)
{
	g_autofree char *value = label(host);

	g_string_append_printf(data, "vmm_exec_host_steps{host=\"%s\"} %u\n", value, inflight);
}

static void print_up(void *data, const char *host, enum host_health_state state,
		     unsigned inflight G_GNUC_UNUSED)
{
	g_autofree char *value = label(host);

	g_string_append_printf(data, "vmm_exec_host_up{host=\"%s\"} %d\n", value,
			       state != HEALTH_DOWN);
}

static void print_hosts(GString *to, const HostHealth *health)
{
	print_head(to, "host_steps", "gauge", "Steps that run on the host now.");
	host_health_each(health, print_steps, to);
	print_head(to, "host_up", "gauge", "0 while the host does not answer.");
	host_health_each(health, print_up, to);
}

static void print_memory(void *data, const char *host, guint64 own_bytes,
			 guint64 started G_GNUC_UNUSED)
{
	g_autofree char *value = label(host);

	g_string_append_printf(data, "vmm_exec_worker_memory_bytes{host=\"%s\"} %"
			       G_GUINT64_FORMAT "\n", value, own_bytes);
}

static void print_starts(void *data, const char *host, guint64 own_bytes G_GNUC_UNUSED,
			 guint64 started)
{
	g_autofree char *value = label(host);

	g_string_append_printf(data, "vmm_exec_worker_starts_total{host=\"%s\"} %"
			       G_GUINT64_FORMAT "\n", value, started);
}

static void print_workers(GString *to, const Workers *workers)
{
	print_head(to, "worker_memory_bytes", "gauge",
		   "Memory of the host's worker that it shares with nobody; 0: it has none now; "
		   "without a name: of this machine.");
	workers_each(workers, print_memory, to);
	print_head(to, "worker_starts_total", "counter", "Workers that the host has had.");
	workers_each(workers, print_starts, to);
}

static void print_journal(GString *to, const DriverMetrics *m, const struct journal_cost *j)
{
	char sum[G_ASCII_DTOSTR_BUF_SIZE], longest[G_ASCII_DTOSTR_BUF_SIZE];

	print_one(to, "journal_up", "gauge", "The journal can be written.", m->journal_safe);
	print_one(to, "journal_failures_total", "counter",
		  "How often the journal became impossible to write.", m->journal_failures);
	print_one(to, "journal_commits_total", "counter", "Transactions, each with a sync.",
		  j->commits);
	print_one(to, "journal_ends_total", "counter", "Ends of requests that were written.",
		  j->ends);
	print_head(to, "journal_wait_seconds", "summary",
		   "How long replies and steps wait for the disk.");
	g_string_append_printf(to, "vmm_exec_journal_wait_seconds{quantile=\"1\"} %s\n"
			       "vmm_exec_journal_wait_seconds_sum %s\n"
			       "vmm_exec_journal_wait_seconds_count %" G_GUINT64_FORMAT "\n",
			       g_ascii_formatd(longest, sizeof(longest), "%.6f", j->longest_s),
			       g_ascii_formatd(sum, sizeof(sum), "%.6f", j->wait_s), j->waits);
}

bool driver_metrics_write(const DriverMetrics *m, const char *file,
			  const struct driver_metrics_now *now, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);

	print_head(text, "build_info", "gauge", "1; the label has the driver's version.");
	g_string_append(text, "vmm_exec_build_info{version=\"" VMM_VERSION "\"} 1\n");
	print_one(text, "start_time_seconds", "gauge", "When the driver started, since 1970.",
		  (guint64)m->started_s);
	print_actions(text, m);
	print_one(text, "waiting", "gauge", "Actions that wait for their turn.", now->waiting);
	print_one(text, "running", "gauge", "Actions that run.", now->running);
	print_hosts(text, now->health);
	print_one(text, "relay_steps_total", "counter", "Steps that relays of hosts ran.",
		  now->steps.by_relay);
	print_one(text, "worker_steps_total", "counter",
		  "Steps in processes that a worker made, of the host or of this machine.",
		  now->steps.by_worker + workers_made_here(now->workers));
	print_workers(text, now->workers);
	print_journal(text, m, &now->journal);

	return file_write(file, text->str, text->len, 0644, error);
}
