/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/watch_metrics.h"

#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "watch/watch_faults.h"
#include "watch/watch_thread.h"

struct watch_metrics {
	const char *path;
	gint64 started_s;
	gint64 sent_s[MONITORD_SETS];		/* when a message last arrived; 0: never */
	guint64 failures[MONITORD_SETS];
	bool is_writing;
};

struct page {
	WatchMetrics *metrics;
	char *text;
	GError *error;
};

WatchMetrics *watch_metrics_new(const char *path)
{
	WatchMetrics *m = g_new0(WatchMetrics, 1);

	m->path = path;
	m->started_s = g_get_real_time() / G_USEC_PER_SEC;

	return m;
}

void watch_metrics_sent(WatchMetrics *m, enum monitord_set_id id, bool arrived)
{
	if (arrived)
		m->sent_s[id] = g_get_real_time() / G_USEC_PER_SEC;
	else
		m->failures[id]++;
}

static void head(GString *to, const char *name, const char *type, const char *help)
{
	g_string_append_printf(to, "# HELP vmm_monitor_%s %s\n# TYPE vmm_monitor_%s %s\n", name,
			       help, name, type);
}

static void one(GString *to, const char *name, const char *help, gint64 value)
{
	head(to, name, "gauge", help);
	g_string_append_printf(to, "vmm_monitor_%s %" G_GINT64_FORMAT "\n", name, value);
}

/* User's and system's time of this process and of probes that have ended. */
static double cpu_seconds(void)
{
	static const int whose[] = { RUSAGE_SELF, RUSAGE_CHILDREN };
	gint64 us = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(whose); i++) {
		struct rusage used;

		if (getrusage(whose[i], &used) < 0)
			continue;
		us += (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * G_USEC_PER_SEC;
		us += used.ru_utime.tv_usec + used.ru_stime.tv_usec;
	}

	return (double)us / G_USEC_PER_SEC;
}

static void add_process(GString *to, const WatchMetrics *m)
{
	char number[G_ASCII_DTOSTR_BUF_SIZE];

	head(to, "build_info", "gauge", "1; the label has the agent's version.");
	g_string_append(to, "vmm_monitor_build_info{version=\"" VMM_VERSION "\"} 1\n");
	one(to, "start_time_seconds", "When the agent started, since 1970.", m->started_s);
	one(to, "written_time_seconds", "When this was written, since 1970.",
	    g_get_real_time() / G_USEC_PER_SEC);
	head(to, "cpu_seconds_total", "counter",
	     "CPU time of the agent and of probes that it ran.");
	g_string_append_printf(to, "vmm_monitor_cpu_seconds_total %s\n",
			       g_ascii_formatd(number, sizeof(number), "%.3f", cpu_seconds()));
}

static void add_sets(GString *to, const WatchMetrics *m)
{
	head(to, "set_sent_time_seconds", "gauge",
	     "When a message of the set last arrived at monitord, since 1970; 0: never.");
	for (int i = 0; i < MONITORD_SETS; i++)
		if (i != SET_STATE_RUN)
			g_string_append_printf(to, "vmm_monitor_set_sent_time_seconds{set=\"%s\"} %"
					       G_GINT64_FORMAT "\n", monitord_sets[i].path,
					       m->sent_s[i]);
	head(to, "set_failures_total", "counter", "Messages of the set that did not arrive.");
	for (int i = 0; i < MONITORD_SETS; i++)
		if (i != SET_STATE_RUN)
			g_string_append_printf(to, "vmm_monitor_set_failures_total{set=\"%s\"} %"
					       G_GUINT64_FORMAT "\n", monitord_sets[i].path,
					       m->failures[i]);
}

static void write_page(void *data)
{
	struct page *p = data;

	file_write(p->metrics->path, p->text, strlen(p->text), 0644, &p->error);
}

static void page_written(void *data)
{
	struct page *p = data;

	p->metrics->is_writing = false;
	watch_faults_note(p->metrics->path, p->error);
	g_clear_error(&p->error);
	g_free(p->text);
	g_free(p);
}

void watch_metrics_write(WatchMetrics *m, const struct watch_counts *counts, bool libvirt_is_up)
{
	GString *text;
	struct page *p;

	if (!m->path || m->is_writing)
		return;

	text = g_string_new(NULL);
	add_process(text, m);
	add_sets(text, m);
	one(text, "libvirt_up", "0 while libvirt is away.", libvirt_is_up);
	one(text, "vms", "Domains when their usage was last asked for.", counts->vms);
	one(text, "silent_qemus", "Domains of which the counters could not be read then.",
	    counts->silent_qemus);
	one(text, "hung_agents", "Domains whose guest's agent did not answer in time.",
	    counts->hung_agents);

	p = g_new0(struct page, 1);
	p->metrics = m;
	p->text = g_string_free(text, FALSE);
	m->is_writing = true;
	watch_thread_run(write_page, page_written, p);
}
