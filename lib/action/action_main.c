/* SPDX-License-Identifier: Apache-2.0 */
#include "action/action.h"

#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <unistd.h>

#include "action/abort.h"
#include "action/progress.h"
#include "base/deadline.h"
#include "base/number.h"
#include "base/program.h"
#include "base/text.h"
#include "conf/paths.h"
#include "virt/timed_call.h"

enum { OPEN_MS = 30000, MAX_DEADLINE_S = 604800 };

struct options {
	gboolean help, version, dry_run, json, progress;
	char *uri, *deadline, *sync_time;
};

static const struct action *self;

static bool write_out(FILE *file, const char *text)
{
	if (fputs(text, file) < 0)
		return false;

	return fflush(file) == 0;
}

void action_log(const char *level, const char *format, ...)
{
	g_autofree char *text = NULL, *line = NULL;
	va_list ap;

	va_start(ap, format);
	text = g_strdup_vprintf(format, ap);
	va_end(ap);
	line = report_line(text);
	fprintf(stderr, "%s: %s: %s\n", level, self->name, line);
	fflush(stderr);
}

/* Tells the outcome; returns the exit status. */
static int finish(enum action_outcome outcome, bool json, const struct report *report,
		  const GError *error)
{
	int status = report_exit_status(outcome, error);
	g_autofree char *object = json ? report_json(self->name, outcome, report, error) : NULL;
	g_autofree char *block = error ? report_error(self->name, outcome, error) : NULL;
	const char *text = outcome == ACTION_DONE && report ? report->output : "";
	g_autoptr(GError) cause = NULL;

	abort_disarm();
	progress_end();
	if (!write_out(stdout, json ? object : text) && status == 0) {
		/*
		 * For the caller a deploy whose UUID could not be written is not done: the outcome
		 * is unknown.
		 */
		vmm_fail_errno(&cause, errno, "the action succeeded, but its result cannot be "
			       "written");
		block = report_error(self->name, ACTION_UNKNOWN, cause);
		status = report_exit_status(ACTION_UNKNOWN, cause);
	}

	if (block)
		write_out(stderr, block);

	return status;
}

/* What --help says below the options. The caller frees. */
static char *describe(void)
{
	g_autofree char *input = self->input ? g_strdup_printf("Standard input: %s.\n",
								self->input) : NULL;

	return g_strdup_printf("%sFurther operands are ignored. Operands are explained in "
			       "vmm_actions(8).\nExit status: 0 done (also when it already was), "
			       "1 failed, 2 wrong usage,\n3 outcome unknown.\n\nExample:\n  %s",
			       text_or(input, ""), self->example);
}

static GOptionContext *option_context(struct options *o)
{
	const GOptionEntry entries[] = {
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &o->version, "Print the version", NULL },
		{ "connect", 'c', 0, G_OPTION_ARG_FILENAME, &o->uri,
		  "Use this libvirt instead of LIBVIRT_URI in kvmrc", "URI" },
		{ "dry-run", 'n', 0, G_OPTION_ARG_NONE, &o->dry_run,
		  "Print what would be asked of libvirt; change nothing", NULL },
		{ "json", 'j', 0, G_OPTION_ARG_NONE, &o->json,
		  "Print the result or the error as one JSON object", NULL },
		{ "progress", 0, 0, G_OPTION_ARG_NONE, &o->progress,
		  "With --json: print each second how far a long job is, as an object", NULL },
		{ "deadline", 'd', 0, G_OPTION_ARG_FILENAME, &o->deadline,
		  "End after this time at the latest", "SECONDS" },
		{ "sync-time", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_FILENAME, &o->sync_time,
		  "Only set the clock of this guest", "UUID" },
		{ 0 }
	};
	GOptionContext *context = g_option_context_new(self->usage);
	g_autofree char *description = describe();

	program_add_help(context, &o->help);
	g_option_context_set_strict_posix(context, TRUE);
	g_option_context_set_summary(context, self->summary);
	g_option_context_set_description(context, description);
	g_option_context_add_main_entries(context, entries, NULL);
	if (self->options)
		g_option_context_add_main_entries(context, self->options, NULL);

	return context;
}

/* Takes the options out of ARGV, which then holds the operands from index 1. */
static bool parse(struct options *o, int *argc, char ***argv, unsigned *deadline_s, GError **error)
{
	g_autoptr(GOptionContext) context = option_context(o);
	guint64 n = 0;

	if (!g_option_context_parse(context, argc, argv, error))
		return false;
	if (*argc > 1 && g_str_equal((*argv)[1], "--")) {
		(*argv)++;
		(*argc)--;
	}

	if (o->help) {
		program_print_help(context);
		return true;
	}

	if (o->version) {
		write_out(stdout, "vmmexec " VMM_VERSION "\n");
		return true;
	}

	if (o->sync_time && !self->set_clock)
		return vmm_fail(error, VMM_ERROR_USAGE, "Unknown option --sync-time");
	if (*argc - 1 < self->min_args && !o->sync_time)
		return vmm_fail(error, VMM_ERROR_USAGE,
				"too few operands; usage: %s [OPTION…] %s",
				self->name, self->usage);
	if (o->deadline && !number_unsigned(o->deadline, 1, MAX_DEADLINE_S, &n, NULL))
		return vmm_fail(error, VMM_ERROR_USAGE, "--deadline: '%s' is not a number from 1 "
				"to %d", o->deadline, MAX_DEADLINE_S);
	*deadline_s = (unsigned)n;
	return true;
}

/* A wrong command line is reported in JSON, too. */
static bool wants_json(char **argv)
{
	for (char **a = argv + 1; *a && **a == '-' && !g_str_equal(*a, "--"); a++)
		if (g_str_equal(*a, "--json") || g_str_equal(*a, "-j"))
			return true;
	return false;
}

static ConfKvmrc *load_kvmrc(void)
{
	g_autofree char *path = conf_path_kvmrc();
	ConfKvmrc *rc = conf_kvmrc_load(path);

	for (const char *const *w = conf_kvmrc_warnings(rc); *w; w++)
		action_log("WARN", "%s", *w);

	return rc;
}

#ifdef VMM_COUNTS_LINES
void __gcov_dump(void);
#endif

/* Ends without tearing anything down, which other threads would not survive. */
static void G_GNUC_NORETURN end_at_once(int status)
{
#ifdef VMM_COUNTS_LINES
	__gcov_dump();
#endif
	_exit(status);
}

/*
 * What the thread of an abandoned call uses must not be torn down under it, nor what libvirt's own
 * thread uses. All has been written, and what libraries tear down is a fifth of the CPU time of a
 * step that a worker's process runs. Sanitizers look for leaks there.
 */
static bool ends_at_once(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return virt_call_any_abandoned();
#else
	return true;
#endif
}

static int run(const struct options *o, const char *const *arg, unsigned deadline_s)
{
	struct action_ctx ctx = { .arg = arg, .dry_run = o->dry_run, .json = o->json };
	struct report report = { 0 };
	g_autoptr(ConfKvmrc) rc = NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	enum action_outcome outcome = ACTION_FAILED;
	int status;

	if (o->json && o->progress)
		progress_as_json();
	if (deadline_s)		/* it shall hold for what kvmrc does as well */
		abort_start(self->name, deadline_s, o->json);
	ctx.deadline_us = deadline_in_ms((gint64)deadline_s * 1000);
	ctx.rc = rc = load_kvmrc();
	if (!deadline_s) {
		deadline_s = self->deadline_s;
		if (!deadline_s)
			deadline_s = self->extra_deadline_s +
				     (unsigned)conf_kvmrc_int(rc, "SHUTDOWN_TIMEOUT");
		abort_start(self->name, deadline_s, o->json);
		ctx.deadline_us = deadline_in_ms((gint64)deadline_s * 1000);
	}

	if (o->uri)
		ctx.uri = o->uri;
	else
		ctx.uri = conf_kvmrc_string(rc, "LIBVIRT_URI");
	ctx.out = out;
	action_on_abort(ACTION_FAILED, "connecting to %s", ctx.uri);
	/* A deadline that is sooner ends it, and says so. */
	if (!self->offline)
		ctx.conn = virt_open(ctx.uri, OPEN_MS, &error);
	if (ctx.conn || self->offline)
		outcome = self->run(&ctx, &error);
	report = (struct report){ out->str, ctx.result, ctx.dry_run };
	status = finish(outcome, o->json, &report, error);
	json_object_put(ctx.result);
	/* libvirt's own thread may still use memory of the lost connection. */
	if (ctx.reconnected)
		end_at_once(status);
	if (virt_call_any_abandoned())
		return status;
	if (!ctx.conn)
		return status;
	if (virConnectIsAlive(ctx.conn) != 1)
		end_at_once(status);
	virt_close(ctx.conn);

	return status;
}

int action_main(const struct action *what, int argc, char **argv)
{
	struct options o = { 0 };
	bool json = wants_json(argv);
	g_autoptr(GError) error = NULL;
	unsigned deadline_s = 0;
	int status = 0;

	self = what;
	action_set_self(what);
	program_open_descriptors();
	signal(SIGPIPE, SIG_IGN);
	g_log_writer_default_set_use_stderr(TRUE);	/* debug lines would go to stdout */
	if (!parse(&o, &argc, &argv, &deadline_s, &error))
		status = finish(ACTION_FAILED, json, NULL, error);
	else if (o.sync_time)
		status = self->set_clock(o.uri, o.sync_time);
	else if (!o.help && !o.version)
		status = run(&o, (const char *const *)argv + 1, deadline_s);
	else
		status = program_end(what->name, 0, 1);
	g_free(o.uri);
	g_free(o.deadline);
	g_free(o.sync_time);
	if (ends_at_once())
		end_at_once(status);

	return status;
}
