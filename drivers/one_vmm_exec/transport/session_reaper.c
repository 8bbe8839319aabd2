/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/session_reaper.h"

#include <signal.h>

#include "or_else.h"
#include "transport/waiters.h"

enum { REAP_LIMIT_MS = 60000, STATUS_SSH = 255 };

struct session_reaper {
	const struct wire_ssh *ssh;
	GPtrArray *marks;
	GHashTable *suspects;	/* name to struct suspect */
	const struct reaper_memory *memory;	/* or NULL */
	void *data;		/* of MEMORY */
};

/* A host on which something may be left. */
struct suspect {
	SessionReaper *reaper;
	char *name;
	guint64 kept;		/* its number in the memory, or 0 */
	bool of_earlier;	/* drivers */
	GPtrArray *sessions, *relays;	/* of ours: patterns, see pattern_of() */
	bool more;		/* than CHILD knows of */
	unsigned abort_s;
	Child *child;		/* that ends it, or NULL */
	guint fault;		/* source id: it could not even be tried */
	GQueue waiting;		/* of struct waiter */
};

/*
 * $1 is the pattern of sessions, $2 that of relays. A relay ends its steps itself; of sessions
 * those that have to undo what they did get the time for it (plan.h): $i tenths of a second.
 *
 * A number may be another process's by now, such as a guest's, which leads a group too: the time at
 * which it began says whose it is. As long as a group is left no other process gets its number.
 */
static const char script[] =
	"born() { sed 's/.*) //' /proc/$1/stat 2>/dev/null | cut -d ' ' -f 20; }; "
	"know() { for p; do b=$(born $p); "
	"tr '\\0' ' ' 2>/dev/null </proc/$p/cmdline | grep -qaE -- \"$m\" || b=another; "
	"eval \"b$p=\\$b\"; done; }; "
	"ours() { n=$(born $1); eval \"b=\\$b$1\"; [ -z \"$n\" ] || [ \"$n\" = \"$b\" ]; }; "
	"left() { for p; do ours $p && kill -0 -- -$p 2>/dev/null && return; done; return 1; }; "
	"end() { i=$1; shift; know \"$@\"; "
	"for p; do ours $p || continue; "
	"kill -TERM -- -$p 2>/dev/null || kill -KILL $p 2>/dev/null; done; "
	"while [ $i -gt 0 ] && left \"$@\"; do sleep 0.1; i=$((i - 1)); done; "
	"for p; do ours $p && kill -KILL -- -$p 2>/dev/null; done; }; "
	"m=\"$1|$2\"; "
	"end $i $(pgrep -f \"$1.*/(save|restore|migrate)'\"; pgrep -f \"$2\"); "
	"end 5 $(pgrep -f \"$1\"); exit 0";

static void suspect_free(void *data)
{
	struct suspect *h = data;

	if (h->child)
		child_abandon(h->child, SIGTERM);
	if (h->fault)
		g_source_remove(h->fault);

	g_queue_clear_full(&h->waiting, g_free);
	g_ptr_array_unref(h->sessions);
	g_ptr_array_unref(h->relays);
	g_free(h->name);
	g_free(h);
}

SessionReaper *session_reaper_new(const struct wire_ssh *ssh)
{
	SessionReaper *r = g_new0(SessionReaper, 1);

	r->ssh = ssh;
	r->marks = g_ptr_array_new_with_free_func(g_free);
	r->suspects = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, suspect_free);

	return r;
}

void session_reaper_free(SessionReaper *r)
{
	g_hash_table_unref(r->suspects);
	g_ptr_array_unref(r->marks);
	g_free(r);
}

void session_reaper_set_marks(SessionReaper *r, GPtrArray *marks)
{
	g_ptr_array_set_size(r->marks, 0);
	for (guint i = 0; i < marks->len; i++)
		g_ptr_array_add(r->marks, g_strdup(g_ptr_array_index(marks, i)));
}

void session_reaper_remember(SessionReaper *r, const struct reaper_memory *memory, void *data)
{
	r->memory = memory;
	r->data = data;
}

static struct suspect *suspect_of(SessionReaper *r, const char *host)
{
	struct suspect *h = g_hash_table_lookup(r->suspects, host);

	if (!h) {
		h = g_new0(struct suspect, 1);
		h->reaper = r;
		h->name = g_strdup(host);
		h->sessions = g_ptr_array_new_with_free_func(g_free);
		h->relays = g_ptr_array_new_with_free_func(g_free);
		g_queue_init(&h->waiting);
		if (r->memory)
			h->kept = r->memory->keep(r->data, host);

		g_hash_table_insert(r->suspects, h->name, h);
	}

	h->more = true;

	return h;
}

void session_reaper_suspect_marks(SessionReaper *r, const char *host)
{
	suspect_of(r, host)->of_earlier = true;
}

void session_reaper_suspect_session(SessionReaper *r, const char *host, unsigned number)
{
	g_ptr_array_add(suspect_of(r, host)->sessions,
			g_strdup_printf("%s[.]%u;", r->ssh->mark + 1, number));
}

void session_reaper_suspect_relay(SessionReaper *r, const char *host, unsigned number)
{
	g_ptr_array_add(suspect_of(r, host)->relays,
			g_strdup_printf("%s[.]%u( |$)", r->ssh->mark + 1, number));
}

/*
 * Of BEFORE and any of OURS, or with SUFFIX of the earlier drivers' marks. The brackets keep it
 * from matching itself. All are in one pattern: each pgrep walks through all processes of the host.
 */
static char *pattern_of(const struct suspect *h, const char *before, const GPtrArray *ours,
			const char *suffix)
{
	const GPtrArray *marks = h->reaper->marks;
	GString *text = g_string_new(before);

	g_string_append(text, "[v](mmexec-none");
	for (guint i = 0; h->of_earlier && i < marks->len; i++)
		g_string_append_printf(text, "|%s%s", (char *)g_ptr_array_index(marks, i) + 1,
				       suffix);
	for (guint i = 0; i < ours->len; i++)
		g_string_append_printf(text, "|%s", (char *)g_ptr_array_index(ours, i));

	g_string_append(text, ")");

	return g_string_free(text, FALSE);
}

/* Each may come back at once and wait again. */
static void call_reap_waiters(GQueue *waiting, const char *why)
{
	struct waiter w;

	while (waiters_take(waiting, &w))
		((session_reaper_ready *)w.ready)(w.data, why);
}

static void reap(struct suspect *h);

static void on_reaped(void *data, const struct child_result *result)
{
	struct suspect *h = data;
	GQueue waiting = h->waiting;
	bool reached = result->exit_status >= 0 && result->exit_status != STATUS_SSH;

	h->child = NULL;
	reached = reached && !result->timed_out && !result->cancelled;
	if (reached && h->more) {
		reap(h);
		return;
	}

	g_queue_init(&h->waiting);
	if (reached) {
		if (h->kept && h->reaper->memory)
			h->reaper->memory->drop(h->reaper->data, h->kept);

		g_hash_table_remove(h->reaper->suspects, h->name);
		call_reap_waiters(&waiting, NULL);
		return;
	}

	call_reap_waiters(&waiting, or_if_empty(result->err->str, "no answer in time"));
}

static gboolean on_no_reap(gpointer data)
{
	struct suspect *h = data;
	GQueue waiting = h->waiting;

	h->fault = 0;
	g_queue_init(&h->waiting);
	call_reap_waiters(&waiting, "ssh cannot be started");

	return G_SOURCE_REMOVE;
}

static void reap(struct suspect *h)
{
	const SessionReaper *r = h->reaper;
	g_autofree char *whole = g_strdup_printf("i=%u; %s", (h->abort_s + 1) * 10, script);
	g_autofree char *sessions = pattern_of(h, "", h->sessions, ":start");
	g_autofree char *relays = pattern_of(h, "relay --driver ", h->relays, "");
	const char *const words[] = { sessions, relays, NULL };
	g_auto(GStrv) argv = wire_ssh_shell(r->ssh, h->name, whole, words);
	struct child_spec spec = { .argv = (const char *const *)argv,
				   .timeout_ms = REAP_LIMIT_MS + h->abort_s * 1000 };

	h->more = false;
	h->child = child_start(&spec, on_reaped, h, NULL);
	if (!h->child)
		h->fault = g_idle_add(on_no_reap, h);
}

bool session_reaper_wait(SessionReaper *r, const char *host, unsigned abort_s,
			 session_reaper_ready *ready, void *data)
{
	struct suspect *h = g_hash_table_lookup(r->suspects, host);

	if (!h)
		return true;

	waiters_add(&h->waiting, (void (*)(void))ready, data);
	h->abort_s = abort_s;
	if (!h->child && !h->fault)
		reap(h);

	return false;
}

bool session_reaper_forget(SessionReaper *r, const void *data)
{
	GHashTableIter iter;
	struct suspect *h;

	g_hash_table_iter_init(&iter, r->suspects);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&h))
		if (waiters_forget(&h->waiting, data))
			return true;
	return false;
}
