/* SPDX-License-Identifier: Apache-2.0 */
#include "action_call.h"

#include <glib-unix.h>
#include <json-c/json.h>
#include <signal.h>
#include <unistd.h>

#include "answer_part.h"
#include "base/child.h"
#include "base/progress_line.h"
#include "base/terminal.h"
#include "base/text.h"
#include "wire/ssh.h"

enum { STATUS_UNKNOWN = 3, STATUS_FOREIGN = 126, STATUS_NO_PROGRAM, STATUS_SSH = 255 };
enum { GRACE_MS = 30000, MAX_LINE = 64 << 20, MAX_LOG = 1 << 20 };

/*
 * Prints its process id first, so that a signal can reach the action, not only the ssh that waits.
 * Before the first sync any user of the host can have made a set in /var/tmp.
 */
static const char remote_script[] =
	WIRE_SSH_OWN "[ -x \"$1\" ] || exit 127; own \"${1%/vmm/kvm/*}\" || exit 126; "
	"echo \"{\\\"pid\\\":$$}\"; exec \"$@\"";

/* By now the id may belong to another process: only one that runs the program is ended. */
static const char stop_script[] =
	"[ \"$(readlink /proc/$1/exe)\" = \"$(readlink -f \"$2\")\" ] && kill -TERM \"$1\"";

struct call {
	const struct action_place *place;
	const struct cli_options *o;
	const char *program;
	GMainLoop *loop;
	Child *child;
	GString *line;			/* what came after the last line's end */
	struct progress_line bar;
	json_object *object;		/* the last that is no progress */
	gint64 remote_pid;		/* 0: not known */
	int exit_status, signal;
	gint64 wall_us;
	GString *err;
};

static struct wire_ssh ssh_of(const struct action_place *place)
{
	return (struct wire_ssh){ .command = place->ssh, .shell = "sh", .mark = "vmmexec",
				  .connect_timeout_s = 30, .alive_interval_s = 10 };
}

static guint64 number_member(json_object *object, const char *name)
{
	json_object *value = NULL;

	if (!json_object_object_get_ex(object, name, &value))
		return 0;

	return json_object_get_uint64(value);
}

/* Only for people: a script that reads standard error gets lines alone. */
static void show_bar(struct call *c, const char *what, json_object *progress)
{
	guint64 total = number_member(progress, "total_bytes");
	guint64 left = number_member(progress, "remaining_bytes");

	if (c->o->quiet || c->o->json || !isatty(STDERR_FILENO))
		return;

	c->bar.what = what;
	c->bar.total = total;
	progress_line_show(&c->bar, total - MIN(left, total));
}

/* A line that the action printed: who it is, how far it is, or its result. */
static void take_line(struct call *c, const char *text)
{
	json_object *object = json_tokener_parse(text), *value = NULL;

	if (!json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		return;
	}

	if (json_object_object_get_ex(object, "progress", &value)) {
		show_bar(c, c->program ? strrchr(c->program, '/') + 1 : "", value);
		json_object_put(object);
	} else if (json_object_object_get_ex(object, "pid", &value)) {
		c->remote_pid = json_object_get_int64(value);
		json_object_put(object);
	} else {
		json_object_put(c->object);
		c->object = object;
	}
}

/* Lines are taken as they come, so that the bar moves while the action is at work. */
static void on_output(void *data, Child *child G_GNUC_UNUSED, const char *bytes, size_t len)
{
	struct call *c = data;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			take_line(c, c->line->str);
			g_string_truncate(c->line, 0);
		} else if (c->line->len < MAX_LINE) {
			g_string_append_c(c->line, bytes[i]);
		}
	}
}

static void on_action_end(void *data, const struct child_result *r)
{
	struct call *c = data;

	c->child = NULL;
	c->exit_status = r->exit_status;
	c->signal = r->signal;
	c->wall_us = r->wall_us;
	g_string_append_len(c->err, r->err->str, (gssize)r->err->len);
	g_main_loop_quit(c->loop);
}

static void on_stopped(void *data G_GNUC_UNUSED, const struct child_result *r G_GNUC_UNUSED)
{
}

/* Ending only ssh would leave the action running, with nobody to read its answer. */
static void stop_remote(struct call *c)
{
	const struct wire_ssh ssh = ssh_of(c->place);
	g_autofree char *pid = g_strdup_printf("%" G_GINT64_FORMAT, c->remote_pid);
	const char *const args[] = { pid, c->program, NULL };
	g_auto(GStrv) argv = wire_ssh_shell(&ssh, c->place->host, stop_script, args);
	const struct child_spec spec = { .argv = (const char *const *)argv,
					 .timeout_ms = GRACE_MS };

	child_start(&spec, on_stopped, NULL, NULL);
}

/* Aborting takes time, in which the action undoes what it has half done: it is waited for. */
static gboolean on_stop(gpointer data)
{
	struct call *c = data;

	if (c->child && c->remote_pid)
		stop_remote(c);
	else if (c->child)
		child_cancel(c->child);

	return G_SOURCE_CONTINUE;
}

static void add_words(GPtrArray *argv, const GPtrArray *words)
{
	for (guint i = 0; i < words->len; i++)
		g_ptr_array_add(argv, words->pdata[i]);
}

/* The words, all borrowed. The caller unrefs. */
static GPtrArray *words_of(const char *program, const ActionOrder *order,
			   const struct cli_options *o)
{
	GPtrArray *argv = g_ptr_array_new();
	const struct {
		const char *name, *value;
	} passed[] = { { "--connect", o->connect }, { "--deadline", o->deadline } };

	g_ptr_array_add(argv, (char *)program);
	g_ptr_array_add(argv, (char *)"--json");
	g_ptr_array_add(argv, (char *)"--progress");
	if (o->dry_run)
		g_ptr_array_add(argv, (char *)"--dry-run");
	for (size_t i = 0; i < G_N_ELEMENTS(passed); i++) {
		if (!passed[i].value)
			continue;
		g_ptr_array_add(argv, (char *)passed[i].name);
		g_ptr_array_add(argv, (char *)passed[i].value);
	}

	add_words(argv, order->options);
	g_ptr_array_add(argv, (char *)"--");
	add_words(argv, order->operands);
	g_ptr_array_add(argv, NULL);

	return argv;
}

static bool start_child(struct call *c, const ActionOrder *order, GError **error)
{
	const struct wire_ssh ssh = ssh_of(c->place);
	g_autoptr(GPtrArray) words = words_of(c->program, order, c->o);
	const char *const *argv = (const char *const *)words->pdata;
	g_auto(GStrv) remote = NULL;
	struct child_spec spec = { .argv = argv, .input = order->input, .reader = on_output,
				   .grace_ms = GRACE_MS, .max_output = MAX_LOG };

	if (c->place->host) {
		remote = wire_ssh_shell(&ssh, c->place->host, remote_script, argv);
		spec.argv = (const char *const *)remote;
	}

	c->child = child_start(&spec, on_action_end, c, error);

	return c->child != NULL;
}

/* Signals are ours only while an action runs. */
static bool wait_for_end(struct call *c, const ActionOrder *order, GError **error)
{
	guint sources[] = { g_unix_signal_add(SIGINT, on_stop, c),
			    g_unix_signal_add(SIGTERM, on_stop, c) };
	bool started = start_child(c, order, error);

	if (started)
		g_main_loop_run(c->loop);
	for (size_t i = 0; i < G_N_ELEMENTS(sources); i++)
		g_source_remove(sources[i]);
	progress_line_end(&c->bar);

	return started;
}

/* Its log lines; the error that ends them is in the object. */
static void show_log(const struct call *c)
{
	g_auto(GStrv) lines = g_strsplit(c->err->str, "\n", -1);

	for (char **l = lines; *l && !g_str_has_prefix(*l, "ERROR: "); l++) {
		g_autofree char *line = text_line(*l, G_MAXSIZE);
		g_autofree char *painted = NULL;

		if (!*line || c->o->quiet)
			continue;
		if (g_str_has_prefix(line, "WARN: "))
			painted = terminal_paint(STDERR_FILENO, TERMINAL_YELLOW, line);
		fprintf(stderr, "%s\n", text_or(painted, line));
	}
}

/* 127 is also the shell's own word for a program that is not there. */
static bool fail_missing(const struct call *c, const char *host, GError **error)
{
	vmm_fail(error, VMM_ERROR_NOT_FOUND, "%s has no program %s", host, c->program);
	vmm_error_set_hint(error, "kvm-sync-hosts brings the programs to a host");

	return false;
}

static bool fail_reach(const char *what, const char *host, const char *said, GError **error)
{
	return vmm_fail(error, VMM_ERROR_CONNECTION, "%s %s: %s", what, host,
			*said ? said : "ssh ended");
}

/* Why there is no answer, and whether the action may have been at work. */
static bool fail_call(const struct call *c, const ActionOrder *order, int *ret_status,
		      GError **error)
{
	g_autofree char *said = text_line(c->err->str, 500);
	const char *host = c->place->host;
	bool began = !host || c->remote_pid, is_unused = host && !began;
	const char *way = began ? "lost the connection to" : "cannot reach";

	*ret_status = began && !order->reads ? STATUS_UNKNOWN : 1;
	if (is_unused && c->exit_status == STATUS_NO_PROGRAM)
		return fail_missing(c, host, error);
	if (is_unused && c->exit_status == STATUS_FOREIGN) {
		vmm_fail(error, VMM_ERROR_PERMISSION, "%s: %s", host, said);
		vmm_error_set_hint(error, "remove it there, then run kvm-sync-hosts");
		return false;
	}

	if (host && c->exit_status == STATUS_SSH)
		return fail_reach(way, host, said, error);
	if (c->signal)
		return vmm_fail(error, VMM_ERROR_INTERNAL,
				"%s ended without an answer (signal %d): %s", order->action,
				c->signal, said);

	return vmm_fail(error, VMM_ERROR_INTERNAL, "%s ended without an answer (status %d): %s",
			order->action, c->exit_status, said);
}

/* The action has said how it ended: what became of ssh, or of the process, after that does not. */
static int status_of(const struct call *c)
{
	const char *outcome = answer_part_text(c->object, "outcome");

	if (!c->signal && c->exit_status <= STATUS_UNKNOWN)
		return c->exit_status;
	if (g_str_equal(outcome, "done") || g_str_equal(outcome, "dry-run"))
		return 0;

	return g_str_equal(outcome, "failed") ? 1 : STATUS_UNKNOWN;
}

bool action_call(const struct action_place *place, const ActionOrder *order,
		 const struct cli_options *o, struct action_answer *ret, GError **error)
{
	g_autofree char *program = action_place_program(place, order->action, error);
	struct call c = { .place = place, .o = o, .program = program };
	bool ok = false;

	ret->status = 1;
	if (!program)
		return false;

	c.loop = g_main_loop_new(NULL, FALSE);
	c.line = g_string_new(NULL);
	c.err = g_string_new(NULL);
	if (wait_for_end(&c, order, error)) {
		ok = c.object != NULL;
		*ret = (struct action_answer){ c.object, status_of(&c),
					       (double)c.wall_us / G_USEC_PER_SEC };
		if (ok)
			show_log(&c);
		else
			fail_call(&c, order, &ret->status, error);
	}

	g_string_free(c.line, TRUE);
	g_string_free(c.err, TRUE);
	g_main_loop_unref(c.loop);

	return ok;
}
