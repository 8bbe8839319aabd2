/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/watch_sets.h"

#include "watch/own_probe.h"
#include "watch/probe_folder.h"
#include "watch/set_parts.h"

/* No probe runs longer than its period; but those of short periods may take that long. */
enum { LEAST_LIMIT_S = 30 };

struct watch_sets {
	struct watch_place place;
	SetParts *parts;
	void (*log)(const char *text);
};

WatchSets *watch_sets_new(const struct watch_place *place, void (*log)(const char *text))
{
	WatchSets *w = g_new0(WatchSets, 1);

	w->place = *place;
	w->parts = set_parts_new(place, log);
	w->log = log;

	return w;
}

void watch_sets_free(WatchSets *w)
{
	if (!w)
		return;

	set_parts_free(w->parts);
	g_free(w);
}

void watch_sets_forget(WatchSets *w)
{
	set_parts_forget(w->parts);
}

bool watch_sets_begin(WatchSets *w, virConnect *conn, GError **error)
{
	return set_parts_begin(w->parts, conn, error);
}

void watch_sets_count(const WatchSets *w, struct watch_counts *ret)
{
	set_parts_count(w->parts, ret);
}

bool watch_sets_left_hanging(WatchSets *w)
{
	return set_parts_left_hanging(w->parts);
}

void watch_sets_tick(WatchSets *w)
{
	set_parts_tick(w->parts);
}

void watch_sets_end(WatchSets *w)
{
	set_parts_end(w->parts);
}

bool watch_sets_need_libvirt(enum monitord_set_id id)
{
	return set_parts_need_libvirt(id);
}

/* NULL: there is no folder, so all is answered here. */
static GPtrArray *probes_of(const WatchSets *w, enum monitord_set_id id)
{
	if (w->place.root || !w->place.argv || !*w->place.argv)
		return NULL;

	return probe_folder_list(w->place.set, w->place.argv[0], id);
}

static bool is_run(const struct probe *p)
{
	return p->kind != PROBE_BUILT_IN && p->kind != PROBE_OFF;
}

bool watch_sets_answer(const WatchSets *w, enum monitord_set_id id)
{
	g_autoptr(GPtrArray) probes = probes_of(w, id);

	for (guint i = 0; probes && i < probes->len; i++)
		if (((const struct probe *)probes->pdata[i])->kind == PROBE_BUILT_IN)
			return true;

	return probes == NULL;
}

bool watch_sets_run(const WatchSets *w, enum monitord_set_id id)
{
	g_autoptr(GPtrArray) probes = probes_of(w, id);

	for (guint i = 0; probes && i < probes->len; i++)
		if (is_run(probes->pdata[i]))
			return true;

	return false;
}

/* A set that is being made. */
struct set_making {
	const WatchSets *sets;
	enum monitord_set_id id;
	unsigned period_s;
	PartsRun *run;		/* NULL: only what is run is wanted */
	Fields *out;
};

/* In the original's way the host would be in ERROR, and its VMs UNKNOWN, until the next run. */
static bool add_failure(const struct set_making *m, GError *cause, GError **error)
{
	bool is_host = m->id == SET_SYSTEM_HOST || m->id == SET_MONITOR_HOST;

	if (m->sets->place.strict) {
		vmm_fail(error, VMM_ERROR_CONFIG, "%s", cause->message);
		return false;
	}

	if (m->sets->log)
		m->sets->log(cause->message);
	if (is_host)
		fields_add(m->out, "MONITOR_ERROR", FIELDS_QUOTED, "%s", cause->message);

	return true;
}

static bool add_run(const struct set_making *m, const struct probe *probe, GError **error)
{
	unsigned limit_ms = MAX(m->period_s, LEAST_LIMIT_S) * 1000;
	g_autoptr(GError) cause = NULL;
	g_autofree char *text = own_probe_run(probe, &m->sets->place, limit_ms, &cause);

	if (!text)
		return add_failure(m, cause, error);
	if (*text)
		fields_add(m->out, "PROBE", FIELDS_VERBATIM, "%s", text);

	return true;
}

static bool add_all(const struct set_making *m, GError **error)
{
	g_autoptr(GPtrArray) probes = probes_of(m->sets, m->id);

	for (guint i = 0; probes && i < probes->len; i++) {
		const struct probe *p = probes->pdata[i];
		bool is_ours = m->run && p->kind == PROBE_BUILT_IN;

		if (is_run(p) && !add_run(m, p, error))
			return false;
		if (is_ours && !parts_run_add(m->run, p->name, m->out, error))
			return false;
	}

	return probes || !m->run || parts_run_add(m->run, NULL, m->out, error);
}

Fields *watch_sets_make(WatchSets *w, enum monitord_set_id id, virConnect *conn, unsigned period_s,
			GError **error)
{
	g_autoptr(PartsRun) run = parts_run_new(w->parts, id, conn, error);
	g_autoptr(Fields) out = fields_new();
	const struct set_making making = { w, id, period_s, run, out };

	if (!run || !add_all(&making, error))
		return NULL;
	parts_run_add_ours(run, out);

	return g_steal_pointer(&out);
}

Fields *watch_sets_make_run(WatchSets *w, enum monitord_set_id id, unsigned period_s,
			    GError **error)
{
	g_autoptr(Fields) out = fields_new();
	const struct set_making making = { w, id, period_s, NULL, out };

	if (!add_all(&making, error))
		return NULL;

	return g_steal_pointer(&out);
}
