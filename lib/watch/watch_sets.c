/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/watch_sets.h"

#include "monitor/host_system.h"
#include "monitor/host_usage.h"
#include "monitor/stats.h"
#include "monitor/vm_set.h"
#include "monitor/wild.h"

struct watch_sets {
	struct watch_place place;
	StatsCpuTimes *vm_cpu;
	struct host_cpu host_cpu;
	HostDocuments *documents;	/* NULL: to be asked for */
	gint is_stale;			/* they are to be asked for again */
};

WatchSets *watch_sets_new(const struct watch_place *place)
{
	WatchSets *w = g_new0(WatchSets, 1);

	w->place = *place;
	w->vm_cpu = stats_cpu_times_new();
	host_cpu_read(&w->host_cpu, place->root);

	return w;
}

void watch_sets_free(WatchSets *w)
{
	if (!w)
		return;

	stats_cpu_times_free(w->vm_cpu);
	host_documents_free(w->documents);
	g_free(w);
}

void watch_sets_forget(WatchSets *w)
{
	g_atomic_int_set(&w->is_stale, 1);
}

bool watch_sets_begin(WatchSets *w, virConnect *conn, GError **error)
{
	g_autoptr(GPtrArray) list = stats_list(conn, NULL, error);

	if (!list)
		return false;
	stats_cpu(list, w->vm_cpu);

	return true;
}

static bool make_beacon(WatchSets *w G_GNUC_UNUSED, virConnect *conn G_GNUC_UNUSED, Fields *out,
			GError **error G_GNUC_UNUSED)
{
	fields_add(out, "TIME", FIELDS_PLAIN, "%" G_GINT64_FORMAT,
		   g_get_real_time() / G_USEC_PER_SEC);

	return true;
}

static bool make_system(WatchSets *w, virConnect *conn, Fields *out, GError **error)
{
	g_autoptr(GPtrArray) list = stats_list(conn, NULL, error);

	if (!list)
		return false;
	if (g_atomic_int_compare_and_exchange(&w->is_stale, 1, 0))
		g_clear_pointer(&w->documents, host_documents_free);
	if (!w->documents)
		w->documents = host_documents_new(conn);
	if (!w->documents->capabilities)
		watch_sets_forget(w);
	if (!host_system_add(out, w->place.root, w->documents, w->place.set, w->place.datastores,
			     error))
		return false;
	vm_set_add_wild(out, list);

	return true;
}

static bool make_usage(WatchSets *w, virConnect *conn G_GNUC_UNUSED, Fields *out,
		       GError **error G_GNUC_UNUSED)
{
	struct host_cpu now;

	host_cpu_read(&now, w->place.root);
	host_usage_add(out, w->place.root, &w->host_cpu, &now);
	w->host_cpu = now;

	return true;
}

static bool make_states(WatchSets *w G_GNUC_UNUSED, virConnect *conn, Fields *out, GError **error)
{
	g_autoptr(GPtrArray) list = stats_list(conn, NULL, error);

	if (!list)
		return false;

	vm_set_add_sync(out);
	for (guint i = 0; i < list->len; i++) {
		const struct stats *s = list->pdata[i];
		gint64 id = wild_vm_id(s->name);

		if (id >= 0)
			vm_set_add_state(out, id, s->uuid, stats_state_name(&s->state));
	}

	return true;
}

static bool make_vms(WatchSets *w, virConnect *conn, Fields *out, GError **error)
{
	g_autoptr(GPtrArray) list = stats_list(conn, NULL, error);

	if (!list)
		return false;
	stats_cpu(list, w->vm_cpu);
	stats_detail(list, w->place.uri, w->place.limit_ms);
	vm_set_add_usage(out, list);

	return true;
}

static const struct {
	bool (*make)(WatchSets *w, virConnect *conn, Fields *out, GError **error);
	bool needs_libvirt;
} makers[MONITORD_SETS] = {
	[SET_SYSTEM_HOST]  = { make_system, true  },
	[SET_MONITOR_HOST] = { make_usage,  false },
	[SET_STATE_VM]     = { make_states, true  },
	[SET_MONITOR_VM]   = { make_vms,    true  },
	[SET_BEACON_HOST]  = { make_beacon, false },
};

bool watch_sets_need_libvirt(enum monitord_set_id id)
{
	return makers[id].needs_libvirt;
}

Fields *watch_sets_make(WatchSets *w, enum monitord_set_id id, virConnect *conn, GError **error)
{
	g_autoptr(Fields) out = fields_new();

	if (!makers[id].make(w, conn, out, error))
		return NULL;

	return g_steal_pointer(&out);
}
