/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/state_watch.h"

#include <string.h>

#include "action/lock.h"
#include "monitor/stats.h"
#include "monitor/wild.h"
#include "watch/vm_memory.h"
#include "watch/watch_thread.h"

/*
 * Events within TOGETHER_MS cause one look. A list that was overtaken by events is made again, at
 * most MAX_OVERTAKEN times.
 */
enum { TOGETHER_MS = 20, HELD_MS = 250, MAX_OVERTAKEN = 5 };

struct state_watch {
	VirtLink *link;
	VmTable *table;
	VmMemory *memory;
	struct state_watch_place place;
	struct state_watch_calls calls;
	void *data;
	guint look_source;	/* 0: none is planned */
	guint events;		/* how many there were */
	unsigned overtaken;	/* lists in a row */
	bool listing, again;	/* a list is being made; another is wanted */
	bool sending, complete;	/* a report is on its way, a complete one */
	gint64 sync_us;		/* when the next complete one is due */
	unsigned failures;	/* reports in a row that did not arrive */
	char *wild;		/* UUIDs of wild domains */
	bool away;		/* monitord knows that states are not known */
};

/* A list that is being made. */
struct listing {
	StateWatch *watch;
	virConnect *conn;
	guint events;		/* that there had been when it was begun */
	gint64 begun_us;
	GArray *seen;		/* struct vm_table_seen */
	GString *wild;
	GError *error;
};

static void look_in(StateWatch *w, guint ms);

static void listing_free(struct listing *l)
{
	g_array_unref(l->seen);
	g_string_free(l->wild, TRUE);
	g_clear_error(&l->error);
	g_free(l);
}

static void make_list(void *data)
{
	struct listing *l = data;
	g_autoptr(GPtrArray) list = stats_list(l->conn, NULL, &l->error);

	for (guint i = 0; list && i < list->len; i++) {
		const struct stats *s = list->pdata[i];
		const struct stats_way *passing = stats_passing(&s->state);
		struct vm_table_seen seen = { .id = wild_vm_id(s->name) };

		g_strlcpy(seen.uuid, s->uuid, sizeof(seen.uuid));
		seen.state = stats_state_name(&s->state);
		if (passing) {
			seen.passes = true;
			seen.state = passing->first;
			seen.stays = passing->stays;
		}

		if (seen.id >= 0)
			g_array_append_val(l->seen, seen);
		else
			g_string_append(l->wild, s->uuid);
	}

	g_clear_pointer(&list, g_ptr_array_unref);
	virConnectClose(l->conn);
}

/* When an action last worked on the VM, as a monotonic time. */
static gint64 last_action(gint64 id, gint64 now_us, void *data G_GNUC_UNUSED)
{
	g_autofree char *name = g_strdup_printf("one-%" G_GINT64_FORMAT, id);
	bool is_held;
	gint64 taken_s = lock_last_taken_s(name, &is_held);
	gint64 ago_us = g_get_real_time() - taken_s * G_USEC_PER_SEC;

	if (is_held)
		return now_us;
	if (taken_s == 0)
		return 0;

	return MAX(now_us - MAX(ago_us, 1), 1);
}

static void report(StateWatch *w, gint64 now_us, bool is_newest)
{
	g_autoptr(Fields) out = fields_new();
	g_autofree char *text = NULL;

	w->complete = is_newest && now_us >= w->sync_us;
	if (vm_table_report(w->table, w->complete, now_us, last_action, NULL, out))
		look_in(w, HELD_MS);
	text = fields_template(out);
	if (!*text)
		return;

	w->sending = true;
	w->calls.send(true, text, w->data);
}

static void tell_away(StateWatch *w, const char *reason)
{
	w->calls.log(reason, w->data);
	if (w->away)
		return;

	w->away = true;
	w->calls.send(false, reason, w->data);
}

static void compare_wild(StateWatch *w, const char *wild)
{
	bool is_other = w->wild && strcmp(w->wild, wild) != 0;

	g_free(w->wild);
	w->wild = g_strdup(wild);
	if (is_other)
		w->calls.wild(w->data);
}

static void list_made(void *data)
{
	struct listing *l = data;
	StateWatch *w = l->watch;
	bool is_newest = l->events == w->events;

	w->listing = false;
	if (l->error) {
		tell_away(w, l->error->message);
	} else if (!is_newest && ++w->overtaken <= MAX_OVERTAKEN) {
		w->again = true;
	} else {
		w->away = false;
		w->overtaken = 0;
		vm_table_list(w->table, (const struct vm_table_seen *)(void *)l->seen->data,
			      l->seen->len, l->begun_us);
		compare_wild(w, l->wild->str);
		if (w->sending)
			w->again = true;
		else
			report(w, g_get_monotonic_time(), is_newest);
	}

	if (w->again && !w->sending)
		look_in(w, 0);
	listing_free(l);
}

static void begin_list(StateWatch *w)
{
	virConnect *conn = virt_link_conn(w->link);
	struct listing *l;

	w->again = w->listing;
	if (!conn)
		return;
	if (w->listing) {
		virConnectClose(conn);
		return;
	}

	l = g_new0(struct listing, 1);
	l->watch = w;
	l->conn = conn;
	l->events = w->events;
	l->begun_us = g_get_monotonic_time();
	l->seen = g_array_new(FALSE, FALSE, sizeof(struct vm_table_seen));
	l->wild = g_string_new(NULL);
	w->listing = true;
	watch_thread_run(make_list, list_made, l);
}

static gboolean on_look(gpointer data)
{
	StateWatch *w = data;

	w->look_source = 0;
	begin_list(w);

	return G_SOURCE_REMOVE;
}

/* An earlier planned look suffices; a later one is replaced. */
static void look_in(StateWatch *w, guint ms)
{
	GSource *planned = NULL;

	if (w->look_source)
		planned = g_main_context_find_source_by_id(NULL, w->look_source);
	if (planned && g_source_get_ready_time(planned) <= g_get_monotonic_time() + ms * 1000L)
		return;
	if (planned)
		g_source_remove(w->look_source);
	w->look_source = g_timeout_add(ms, on_look, w);
}

/* While a report is being sent, it is unknown what monitord knows. */
static gboolean on_period(gpointer data)
{
	StateWatch *w = data;

	if (!w->sending)
		vm_memory_retry(w->memory, w->table);
	look_in(w, 0);

	return G_SOURCE_CONTINUE;
}

static void on_link_up(void *data)
{
	StateWatch *w = data;

	w->sync_us = 0;
	look_in(w, 0);
}

static void on_link_down(const char *reason, void *data)
{
	tell_away(data, reason);
}

static void on_link_event(const struct virt_link_event *e, void *data)
{
	StateWatch *w = data;
	bool by_itself = e->detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN ||
			 e->detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED ||
			 e->detail == VIR_DOMAIN_EVENT_STOPPED_FAILED;

	w->events++;
	if (e->event == VIR_DOMAIN_EVENT_STOPPED && by_itself)
		vm_table_ended(w->table, wild_vm_id(e->name));
	look_in(w, TOGETHER_MS);
}

StateWatch *state_watch_new(const struct state_watch_place *place,
			    const struct vm_table_rules *rules,
			    const struct state_watch_calls *calls, void *data)
{
	static const struct virt_link_calls link_calls = {
		.up = on_link_up, .down = on_link_down, .event = on_link_event,
	};
	StateWatch *w = g_new0(StateWatch, 1);

	w->table = vm_table_new(rules);
	w->memory = vm_memory_new(place->memory);
	vm_memory_read(w->memory, w->table);
	w->place = *place;
	w->calls = *calls;
	w->data = data;
	g_timeout_add((guint)(place->period_us / 1000), on_period, w);
	w->link = virt_link_new(place->uri, &link_calls, w);

	return w;
}

void state_watch_sent(StateWatch *w, bool arrived)
{
	static const guint pauses_s[] = { 1, 1, 1, 2, 4, 8, 8, 16, 32, 64 };

	w->sending = false;
	vm_table_reported(w->table, arrived);
	vm_memory_keep(w->memory, w->table, arrived && w->complete);
	if (arrived) {
		w->failures = 0;
		if (w->complete)
			w->sync_us = g_get_monotonic_time() + w->place.sync_us;
	} else {
		look_in(w, pauses_s[w->failures] * 1000);
		w->failures = MIN(w->failures + 1, (unsigned)G_N_ELEMENTS(pauses_s) - 1);
		return;
	}

	if (w->again)
		look_in(w, 0);
}
