/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/set_parts.h"

#include "monitor/host_fitness.h"
#include "monitor/host_numa.h"
#include "monitor/host_pci.h"
#include "monitor/host_system.h"
#include "monitor/host_usage.h"
#include "monitor/stats.h"
#include "monitor/vm_set.h"
#include "monitor/wild.h"
#include "vm/exec_results.h"
#include "vm/vtpm_secret.h"
#include "watch/forecast.h"
#include "watch/guest_agents.h"
#include "watch/history_file.h"
#include "watch/store_sizes.h"
#include "watch/watch_faults.h"

enum { END_MS = 1000 };

struct set_parts {
	struct watch_place place;
	StatsCpuTimes *vm_cpu;
	struct host_cpu host_cpu;
	HostDocuments *documents;	/* NULL: to be asked for */
	char *fitness;			/* likewise */
	GuestAgents *guests;
	Forecast *forecast;		/* NULL: by hand */
	GHashTable *interfaces;		/* host_pci.h */
	gint is_stale;			/* they are to be asked for again */
	struct watch_counts counts;	/* each read and written as one */
	gint hung;			/* calls left on the connection to libvirt */
};

struct parts_run {
	SetParts *parts;
	enum monitord_set_id id;
	virConnect *conn;
	GPtrArray *list;		/* of domains; or NULL */
	HostView *view;			/* of SYSTEM_HOST */
};

SetParts *set_parts_new(const struct watch_place *place, void (*log)(const char *text))
{
	SetParts *p = g_new0(SetParts, 1);

	p->place = *place;
	p->vm_cpu = stats_cpu_times_new();
	p->guests = guest_agents_new(place, log);
	if (!place->by_hand && !place->root)
		p->forecast = forecast_new(place, log);
	host_cpu_read(&p->host_cpu, place->root);
	p->interfaces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	return p;
}

void set_parts_free(SetParts *p)
{
	if (!p)
		return;

	stats_cpu_times_free(p->vm_cpu);
	guest_agents_free(p->guests);
	forecast_free(p->forecast);
	host_documents_free(p->documents);
	g_free(p->fitness);
	g_hash_table_unref(p->interfaces);
	g_free(p);
}

void set_parts_forget(SetParts *p)
{
	g_atomic_int_set(&p->is_stale, 1);
}

void set_parts_tick(SetParts *p)
{
	if (p->forecast)
		forecast_tick(p->forecast);
}

void set_parts_end(SetParts *p)
{
	if (p->forecast)
		forecast_end(p->forecast, END_MS);
}

void set_parts_count(SetParts *p, struct watch_counts *ret)
{
	ret->vms = g_atomic_int_get(&p->counts.vms);
	ret->silent_qemus = g_atomic_int_get(&p->counts.silent_qemus);
	ret->hung_agents = g_atomic_int_get(&p->counts.hung_agents);
}

bool set_parts_left_hanging(SetParts *p)
{
	bool any = g_atomic_int_get(&p->hung) > 0;

	g_atomic_int_set(&p->hung, 0);

	return any;
}

bool set_parts_begin(SetParts *p, virConnect *conn, GError **error)
{
	g_autoptr(GPtrArray) list = stats_list(conn, NULL, error);

	if (!list)
		return false;
	stats_cpu(list, p->vm_cpu);

	return true;
}

static bool add_time(PartsRun *r G_GNUC_UNUSED, Fields *out, GError **error G_GNUC_UNUSED)
{
	fields_add(out, "TIME", FIELDS_PLAIN, "%" G_GINT64_FORMAT,
		   g_get_real_time() / G_USEC_PER_SEC);

	return true;
}

/* The original ends other clients with that probe; here the pid file is locked. */
static bool add_nothing(PartsRun *r G_GNUC_UNUSED, Fields *out G_GNUC_UNUSED,
			GError **error G_GNUC_UNUSED)
{
	return true;
}

/* By hand nothing is removed. */
static bool clean_files(PartsRun *r, Fields *out G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	if (r->parts->forecast)
		history_file_clean(r->parts->place.directory);

	return true;
}

static bool add_wild(PartsRun *r, Fields *out, GError **error G_GNUC_UNUSED)
{
	vm_set_add_wild(out, r->list);

	return true;
}

/* A file of rules that is wrong costs the devices, not the host. */
static bool add_pci(PartsRun *r, Fields *out, GError **error G_GNUC_UNUSED)
{
	const struct watch_place *place = &r->parts->place;
	g_autofree char *folder = g_strconcat(place->argv[0], "-probes.d", NULL);
	g_autofree char *path = g_build_filename(place->set, "etc", "im", folder, "pci.conf", NULL);
	g_autoptr(GError) cause = NULL;
	g_autoptr(PciFilter) rules = pci_filter_read(path, &cause);

	if (rules)
		host_pci_add(out, place->root, rules, r->parts->interfaces);
	else
		fields_add(out, "MONITOR_ERROR", FIELDS_QUOTED, "%s", cause->message);

	return true;
}

static bool add_usage(PartsRun *r, Fields *out, GError **error G_GNUC_UNUSED)
{
	SetParts *p = r->parts;
	struct host_usage usage;
	struct host_cpu now;

	host_cpu_read(&now, p->place.root);
	host_usage_read(&usage, p->place.root, &p->host_cpu, &now);
	host_usage_add(out, &usage);
	p->host_cpu = now;
	if (p->forecast)
		forecast_take_host(p->forecast, &usage);

	return true;
}

static bool add_forecast(PartsRun *r, Fields *out, GError **error G_GNUC_UNUSED)
{
	if (r->parts->forecast)
		forecast_add_host(r->parts->forecast, out);

	return true;
}

static bool add_node_usage(PartsRun *r, Fields *out, GError **error G_GNUC_UNUSED)
{
	host_numa_add_usage(out, r->parts->place.root);

	return true;
}

static bool add_states(PartsRun *r, Fields *out, GError **error G_GNUC_UNUSED)
{
	vm_set_add_sync(out);
	for (guint i = 0; i < r->list->len; i++) {
		const struct stats *s = r->list->pdata[i];
		const struct stats_way *passing = stats_passing(&s->state);
		const char *name = passing ? passing->first : stats_state_name(&s->state);
		gint64 id = wild_vm_id(s->name);

		if (id >= 0)
			vm_set_add_state(out, id, s->uuid, name);
	}

	return true;
}

static void count_vms(SetParts *p, const GPtrArray *list)
{
	gint silent = 0;

	for (guint i = 0; i < list->len; i++)
		silent += ((const struct stats *)list->pdata[i])->fault != NULL;
	g_atomic_int_set(&p->counts.vms, (gint)list->len);
	g_atomic_int_set(&p->counts.silent_qemus, silent);
	g_atomic_int_set(&p->counts.hung_agents, (gint)guest_agents_hung(p->guests));
}

static bool add_vms(PartsRun *r, Fields *out, GError **error G_GNUC_UNUSED)
{
	SetParts *p = r->parts;
	unsigned hung;

	guest_agents_begin(p->guests, r->list);
	stats_cpu(r->list, p->vm_cpu);
	hung = stats_detail(r->list, p->place.uri, p->place.limit_ms);
	g_atomic_int_add(&p->hung, (gint)hung);
	guest_agents_end(p->guests, r->list);
	count_vms(p, r->list);
	if (p->forecast)
		forecast_take_vms(p->forecast, r->list);
	vm_set_add_usage(out, r->list);

	return true;
}

static bool add_sizes(PartsRun *r, Fields *out, GError **error G_GNUC_UNUSED)
{
	store_sizes_add(out, &r->parts->place);

	return true;
}

static bool add_results(PartsRun *r, Fields *out, GError **error G_GNUC_UNUSED)
{
	if (r->conn)
		exec_results_add(out, r->conn);

	return true;
}

/* Beside host_parts; each set in the order of the names. */
static const struct part {
	enum monitord_set_id id;
	const char *probe;
	bool (*add)(PartsRun *r, Fields *out, GError **error);
} parts[] = {
	{ SET_SYSTEM_HOST,  "clean_db.rb",                clean_files },
	{ SET_SYSTEM_HOST,  "pci.rb",                     add_pci },
	{ SET_SYSTEM_HOST,  "wild_vm.rb",                 add_wild },
	{ SET_MONITOR_HOST, "linux_usage.rb",             add_usage },
	{ SET_MONITOR_HOST, "numa_usage.rb",              add_node_usage },
	{ SET_MONITOR_HOST, "prediction.sh",              add_forecast },
	{ SET_STATE_VM,     "state.rb",                   add_states },
	{ SET_MONITOR_VM,   "monitor_ds_vm.rb",           add_sizes },
	{ SET_MONITOR_VM,   "poll.rb",                    add_vms },
	{ SET_EXEC_VM,      "exec.rb",                    add_results },
	{ SET_BEACON_HOST,  "date.sh",                    add_time },
	{ SET_BEACON_HOST,  "monitord-client-shepherd.sh", add_nothing },
};

static bool is_of_domains(enum monitord_set_id id)
{
	return id == SET_SYSTEM_HOST || id == SET_STATE_VM || id == SET_MONITOR_VM;
}

bool set_parts_need_libvirt(enum monitord_set_id id)
{
	return is_of_domains(id) || (id == SET_EXEC_VM && exec_results_expected());
}

bool set_parts_have(enum monitord_set_id id, const char *name)
{
	for (const struct host_part *h = host_parts; id == SET_SYSTEM_HOST && h->probe; h++)
		if (g_str_equal(h->probe, name))
			return true;
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
		if (parts[i].id == id && g_str_equal(parts[i].probe, name))
			return true;

	return false;
}

/* What libvirt says of the host changes only when it is started anew. */
static bool look_at_host(PartsRun *r, GError **error)
{
	SetParts *p = r->parts;

	if (g_atomic_int_compare_and_exchange(&p->is_stale, 1, 0)) {
		g_clear_pointer(&p->documents, host_documents_free);
		g_clear_pointer(&p->fitness, g_free);
	}

	if (!p->documents)
		p->documents = host_documents_new(r->conn);
	if (!p->documents->capabilities)
		set_parts_forget(p);
	r->view = host_view_new(p->place.root, p->documents, p->place.set, p->place.datastores,
				error);

	return r->view != NULL;
}

PartsRun *parts_run_new(SetParts *p, enum monitord_set_id id, virConnect *conn, GError **error)
{
	g_autoptr(PartsRun) r = g_new0(PartsRun, 1);

	*r = (PartsRun){ .parts = p, .id = id, .conn = conn };
	if (is_of_domains(id) && !(r->list = stats_list(conn, NULL, error)))
		return NULL;
	if (id == SET_SYSTEM_HOST && !look_at_host(r, error))
		return NULL;

	return g_steal_pointer(&r);
}

void parts_run_free(PartsRun *r)
{
	if (!r)
		return;

	g_clear_pointer(&r->list, g_ptr_array_unref);
	host_view_free(r->view);
	g_free(r);
}

bool parts_run_add(PartsRun *r, const char *name, Fields *out, GError **error)
{
	for (const struct host_part *h = host_parts; r->view && h->probe; h++)
		if (!name || g_str_equal(h->probe, name))
			h->add(out, r->view);
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		bool is_wanted = !name || g_str_equal(parts[i].probe, name);

		if (parts[i].id == r->id && is_wanted && !parts[i].add(r, out, error))
			return false;
	}

	return true;
}

/*
 * Asking host_check starts a dozen processes, so it is asked again only when libvirt came back or
 * devices changed; on hosts with slots for encrypted guests each time, as guests take them.
 */
void parts_run_add_ours(PartsRun *r, Fields *out)
{
	SetParts *p = r->parts;

	if (r->id != SET_SYSTEM_HOST || p->place.root)
		return;

	watch_faults_add(out);
	if (!p->place.by_hand)	/* this period is as good as any */
		vtpm_secret_drop_left(r->conn);
	if (!p->fitness || host_fitness_varies(p->fitness)) {
		g_free(p->fitness);
		p->fitness = host_fitness_ask(p->place.set, p->documents->type);
	}

	host_fitness_add(out, p->fitness);
}
