/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_metrics.h"

#include "base/file.h"

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
	bool journal_safe;
	guint64 journal_failures;	/* how often it could not be written any more */
};

DriverMetrics *driver_metrics_new(void)
{
	DriverMetrics *m = g_new0(DriverMetrics, 1);

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

/* The last "[word]" of INFO, or "". The caller frees. */
static char *class_of(const char *info)
{
	const char *end = info ? strrchr(info, ']') : NULL, *p = end;

	while (p && p > info && (g_ascii_islower(p[-1]) || p[-1] == '-'))
		p--;
	if (!p || p == info || p[-1] != '[' || p == end || end - p > MAX_CLASS)
		return g_strdup("");

	return g_strndup(p, (gsize)(end - p));
}

void driver_metrics_action(DriverMetrics *m, const char *action, bool success, const char *info,
			   double seconds)
{
	/* The reason itself would make a series for each VM: only its class is a label. */
	g_autofree char *class = success ? g_strdup("") : class_of(info);
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

static void print_host(void *data, const char *host, enum host_health_state state,
		       unsigned inflight)
{
	GString *to = data;

	g_string_append_printf(to, "vmm_exec_host_steps{host=\"%s\"} %u\n"
			       "vmm_exec_host_up{host=\"%s\"} %d\n", host, inflight, host,
			       state != HEALTH_DOWN);
}

static void print_journal(GString *to, const struct journal_cost *j)
{
	char sum[G_ASCII_DTOSTR_BUF_SIZE], longest[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append_printf(to, "# TYPE vmm_exec_journal_commits_total counter\n"
			       "vmm_exec_journal_commits_total %" G_GUINT64_FORMAT "\n"
			       "# TYPE vmm_exec_journal_ends_total counter\n"
			       "vmm_exec_journal_ends_total %" G_GUINT64_FORMAT "\n",
			       j->commits, j->ends);
	g_string_append_printf(to, "# HELP vmm_exec_journal_wait_seconds How long replies and "
			       "steps wait for the disk.\n"
			       "# TYPE vmm_exec_journal_wait_seconds summary\n"
			       "vmm_exec_journal_wait_seconds{quantile=\"1\"} %s\n"
			       "vmm_exec_journal_wait_seconds_sum %s\n"
			       "vmm_exec_journal_wait_seconds_count %" G_GUINT64_FORMAT "\n",
			       g_ascii_formatd(longest, sizeof(longest), "%.6f", j->longest_s),
			       g_ascii_formatd(sum, sizeof(sum), "%.6f", j->wait_s), j->waits);
}

bool driver_metrics_write(const DriverMetrics *m, const char *file,
			  const struct driver_metrics_now *now, GError **error)
{
	g_autoptr(GString) text = g_string_new(
		"# HELP vmm_exec_actions_total Actions that were answered.\n"
		"# TYPE vmm_exec_actions_total counter\n");
	GHashTableIter iter;
	void *key, *value;

	g_hash_table_iter_init(&iter, m->results);
	while (g_hash_table_iter_next(&iter, &key, &value))
		g_string_append_printf(text, "vmm_exec_actions_total{%s} %" G_GUINT64_FORMAT "\n",
				       (char *)key, *(guint64 *)value);
	g_string_append(text, "# HELP vmm_exec_action_seconds From request to answer.\n"
			"# TYPE vmm_exec_action_seconds histogram\n");
	g_hash_table_iter_init(&iter, m->times);
	while (g_hash_table_iter_next(&iter, &key, &value))
		print_times(text, key, value);

	g_string_append_printf(text, "# TYPE vmm_exec_waiting gauge\nvmm_exec_waiting %u\n"
			       "# TYPE vmm_exec_running gauge\nvmm_exec_running %u\n"
			       "# TYPE vmm_exec_host_steps gauge\n# TYPE vmm_exec_host_up gauge\n",
			       now->waiting, now->running);
	g_string_append_printf(text, "# HELP vmm_exec_journal_up The journal can be written.\n"
			       "# TYPE vmm_exec_journal_up gauge\nvmm_exec_journal_up %d\n"
			       "# TYPE vmm_exec_journal_failures_total counter\n"
			       "vmm_exec_journal_failures_total %" G_GUINT64_FORMAT "\n",
			       m->journal_safe, m->journal_failures);
	print_journal(text, &now->journal);
	host_health_each(now->health, print_host, text);

	return file_write(file, text->str, text->len, 0644, error);
}
