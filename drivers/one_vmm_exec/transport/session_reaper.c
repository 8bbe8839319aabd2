/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/session_reaper.h"

enum { REAP_LIMIT_MS = 60000 };

struct reap {
	child_done *done;
	void *data;
};

static gboolean on_no_reap(gpointer data)
{
	struct reap *r = data;
	const struct child_result nothing = { .exit_status = -1 };

	r->done(r->data, &nothing);
	g_free(r);

	return G_SOURCE_REMOVE;
}

/*
 * The brackets keep patterns from matching themselves. All marks are in one pattern: each pgrep
 * walks through all processes of the host. A relay ends its steps itself; of sessions those that
 * have to undo what they did get the time for it (plan.h): $i tenths of a second.
 *
 * A number may be another process's by now, such as a guest's, which leads a group too: the time at
 * which it began says whose it is. As long as a group is left no other process gets its number.
 */
static const char script[] =
	"[ $# -gt 0 ] || exit 0; "
	"m=$(for m; do printf '|%s' \"${m#v}\"; done); m=\"[v](${m#|})\"; "
	"born() { sed 's/.*) //' /proc/$1/stat 2>/dev/null | cut -d ' ' -f 20; }; "
	"know() { for p; do b=$(born $p); "
	"grep -qaE -- \"$m\" /proc/$p/cmdline 2>/dev/null || b=another; "
	"eval \"b$p=\\$b\"; done; }; "
	"ours() { n=$(born $1); eval \"b=\\$b$1\"; [ -z \"$n\" ] || [ \"$n\" = \"$b\" ]; }; "
	"left() { for p; do ours $p && kill -0 -- -$p 2>/dev/null && return; done; return 1; }; "
	"end() { i=$1; shift; know \"$@\"; "
	"for p; do ours $p || continue; "
	"kill -TERM -- -$p 2>/dev/null || kill -KILL $p 2>/dev/null; done; "
	"while [ $i -gt 0 ] && left \"$@\"; do sleep 0.1; i=$((i - 1)); done; "
	"for p; do ours $p && kill -KILL -- -$p 2>/dev/null; done; }; "
	"end $i $(pgrep -f \"$m:start.*/(save|restore|migrate)'\"; "
	"pgrep -f \"relay --driver $m\"); "
	"end 5 $(pgrep -f \"$m:start\"); exit 0";

void session_reaper_run(const struct session_reaper *reaper, const char *host, GPtrArray *marks,
			child_done *done, void *data)
{
	g_autofree char *whole = g_strdup_printf("i=%u; %s", (reaper->abort_s + 1) * 10, script);
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	g_auto(GStrv) argv = NULL;
	struct child_spec spec = { .timeout_ms = REAP_LIMIT_MS + reaper->abort_s * 1000 };

	for (guint i = 0; i < marks->len; i++)
		g_ptr_array_add(words, g_ptr_array_index(marks, i));

	g_ptr_array_add(words, NULL);
	argv = wire_ssh_shell(reaper->ssh, host, whole, (const char *const *)words->pdata);
	spec.argv = (const char *const *)argv;

	if (!child_start(&spec, done, data, NULL)) {
		struct reap *r = g_new(struct reap, 1);

		*r = (struct reap){ done, data };
		g_idle_add(on_no_reap, r);
	}
}
