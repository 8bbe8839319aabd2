/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/workers.h"

#include "wire/worker_client.h"

struct workers {
	GHashTable *hosts;	/* name to struct worker */
	WorkerClient *here;	/* or NULL */
	const ConfCfg *cfg;
	guint64 made_here;
};

struct worker {
	guint64 own_bytes, started;
};

Workers *workers_new(void)
{
	Workers *workers = g_new0(Workers, 1);

	workers->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	return workers;
}

void workers_free(Workers *workers)
{
	if (!workers)
		return;

	worker_client_free(workers->here);
	g_hash_table_unref(workers->hosts);
	g_free(workers);
}

void workers_note(void *data, const char *host, guint64 own_bytes)
{
	Workers *workers = data;
	struct worker *w = g_hash_table_lookup(workers->hosts, host);

	if (!w) {
		w = g_new0(struct worker, 1);
		g_hash_table_insert(workers->hosts, g_strdup(host), w);
	}

	w->started += !w->own_bytes && own_bytes;
	w->own_bytes = own_bytes;
}

static void on_memory_here(void *workers, guint64 own_bytes)
{
	workers_note(workers, "", own_bytes);
}

void workers_serve_here(Workers *workers, const ConfCfg *cfg, const char *local_dir)
{
	g_autofree char *directory = g_build_filename(local_dir, "vmm", NULL);

	workers->cfg = cfg;
	workers->here = worker_client_new(directory);
	worker_client_watch(workers->here, on_memory_here, workers);
}

int workers_start_here(void *data, const struct child_spec *spec, const int fds[3])
{
	Workers *workers = data;
	int pid;

	if (!workers->here || !conf_cfg_bool(workers->cfg, "hosts.worker"))
		return 0;

	pid = worker_client_start(workers->here, spec, fds);
	workers->made_here += pid != 0;

	return pid;
}

guint64 workers_made_here(const Workers *workers)
{
	return workers->made_here;
}

void workers_each(const Workers *workers, workers_one *each, void *data)
{
	g_autoptr(GList) hosts = g_hash_table_get_keys(workers->hosts);

	hosts = g_list_sort(hosts, (GCompareFunc)g_strcmp0);
	for (const GList *l = hosts; l; l = l->next) {
		const struct worker *w = g_hash_table_lookup(workers->hosts, l->data);

		each(data, l->data, w->own_bytes, w->started);
	}
}
