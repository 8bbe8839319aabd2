/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvm-host-check - asks hosts whether they are fit for KVM guests, several at a time, and prints
 * one table. The work is host_check's, of the set on each host.
 */
#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "base/error_object.h"
#include "base/program.h"
#include "conf/paths.h"
#include "fleet/fleet.h"
#include "host_pairs.h"
#include "host_table.h"
#include "wire/ssh.h"

enum { STATUS_USAGE = 2, STATUS_UNKNOWN };

/* Without --timeout; a host asks its peers one after the other. */
enum { HOST_S = 60, PEER_S = 10 };

enum { MAX_VERSION = 65536, MAX_VM = 64 << 20, MAX_ANSWER = 8 << 20, GRACE_MS = 200 };

/*
 * $1 is host_check; without it the shell's own status says so. It may be asked for before the first
 * sync: any user of the host can have made a directory of that name in /var/tmp.
 */
static const char script[] =
	WIRE_SSH_OWN "[ -x \"$1\" ] || exit 127; own \"${1%/vmm/kvm/host_check}\" || exit 126; "
	"exec \"$@\"";

struct options {
	gboolean all, help, version, json, verbose, pairs;
	int parallel, timeout_s;
	char *cluster, *remote_dir, *ssh, *dir, *vm;
	char *only, *require, *type, *arch, *storage;
	char **hosts;		/* operands */
};

struct run {
	const struct options *o;
	struct wire_ssh ssh;
	struct front_end front;
	GBytes *input;		/* the VM document; NULL: none */
	GPtrArray *hosts;	/* names */
	GPtrArray *answers;	/* of struct host_answer, in that order; NULL: not yet */
	int width;		/* of the longest name */
	unsigned timeout_s;
};

/* One host that is being asked. */
struct question {
	struct run *run;
	Fleet *fleet;
	const char *host;
	gint64 started_ms;
	char *keep_nothing;	/* an option of ssh; or NULL */
};

static GOptionContext *option_context(struct options *o)
{
	/* clang-format off */
	const GOptionEntry entries[] = {
		{ "all", 'a', 0, G_OPTION_ARG_NONE, &o->all,
		  "All hosts that OpenNebula knows, but those that are offline", NULL },
		{ "cluster", 'c', 0, G_OPTION_ARG_FILENAME, &o->cluster,
		  "Those of this cluster", "NAME" },
		{ "pairs", 0, 0, G_OPTION_ARG_NONE, &o->pairs,
		  "Also: can guests move from each host to each other one?", NULL },
		{ "only", 0, 0, G_OPTION_ARG_FILENAME, &o->only, "These checks alone", "IDS" },
		{ "require", 0, 0, G_OPTION_ARG_FILENAME, &o->require,
		  "Checks that must be OK, such as nested,sev", "IDS" },
		{ "type", 0, 0, G_OPTION_ARG_FILENAME, &o->type,
		  "Type of the guests, kvm or qemu (kvm)", "TYPE" },
		{ "arch", 0, 0, G_OPTION_ARG_FILENAME, &o->arch,
		  "Architecture of the guests (the host's)", "ARCH" },
		{ "vm", 0, 0, G_OPTION_ARG_FILENAME, &o->vm,
		  "Also: which of them could run this VM? It is not started", "FILE" },
		{ "storage", 0, 0, G_OPTION_ARG_FILENAME, &o->storage,
		  "Also: are these there? lvm:GROUP or rbd:POOL[:USER], with commas", "LIST" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &o->json, "Print one JSON object", NULL },
		{ "verbose", 'v', 0, G_OPTION_ARG_NONE, &o->verbose,
		  "A line for each check of each host", NULL },
		{ "parallel", 'j', 0, G_OPTION_ARG_INT, &o->parallel, "Hosts at a time (50)", "N" },
		{ "timeout", 't', 0, G_OPTION_ARG_INT, &o->timeout_s,
		  "How long a host may take (60; with --pairs 10 more for each host)", "SECONDS" },
		{ "dir", 0, 0, G_OPTION_ARG_FILENAME, &o->dir,
		  "The set here, to compare versions (/var/lib/one/remotes)", "DIR" },
		{ "remote-dir", 0, 0, G_OPTION_ARG_FILENAME, &o->remote_dir,
		  "Where hosts have it (oned's SCRIPTS_REMOTE_DIR, /var/tmp/one)", "DIR" },
		{ "ssh", 0, 0, G_OPTION_ARG_FILENAME, &o->ssh, "Words that run ssh", "COMMAND" },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &o->version, "Print the version", NULL },
		{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->hosts, NULL, NULL },
		{ 0 }
	};
	/* clang-format on */
	GOptionContext *context = g_option_context_new("HOST…");

	g_option_context_set_summary(context, "Asks hosts whether they are fit for KVM guests, and "
				     "prints what to type where they are not. Changes nothing.");
	g_option_context_set_description(context, "Exit status: 0 all are fit, 1 some are not, "
					 "2 wrong usage, 3 some are unknown.\n\nExample:\n"
					 "  kvm-host-check --all --pairs");
	g_option_context_add_main_entries(context, entries, NULL);
	program_add_help(context, &o->help);

	return context;
}

static bool check_options(const struct options *o, GError **error)
{
	if (!o->hosts && !o->all && !o->cluster)
		return vmm_fail(error, VMM_ERROR_USAGE, "no host is named (HOST…, --all or "
				"--cluster)");
	if (o->parallel < 1 || o->timeout_s < 0)
		return vmm_fail(error, VMM_ERROR_USAGE, "--parallel and --timeout begin at 1");
	if (!g_path_is_absolute(o->remote_dir))
		return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is no directory for a set",
				o->remote_dir);

	return true;
}

static void add_option(GPtrArray *argv, const char *name, const char *value)
{
	if (value)
		g_ptr_array_add(argv, g_strdup_printf("%s=%s", name, value));
}

/*
 * Each host begins with the hosts behind it in the list: otherwise all would log in to the first
 * one at once.
 */
static void add_peers(GPtrArray *argv, const GPtrArray *hosts, const char *host)
{
	guint own = 0;

	g_ptr_array_find((GPtrArray *)hosts, host, &own);
	for (guint i = 1; i < hosts->len; i++)
		add_option(argv, "--peer", hosts->pdata[(own + i) % hosts->len]);
}

/* The words that run host_check for HOST, one of those of R. g_strfreev(). */
static char **host_argv(const struct run *r, const char *host)
{
	const struct options *o = r->o;
	GPtrArray *argv = g_ptr_array_new();

	g_ptr_array_add(argv, g_build_filename(o->remote_dir, "vmm", "kvm", "host_check", NULL));
	g_ptr_array_add(argv, g_strdup("--json"));
	add_option(argv, "--only", o->only);
	add_option(argv, "--require", o->require);
	add_option(argv, "--type", o->type);
	add_option(argv, "--arch", o->arch);
	add_option(argv, "--storage", o->storage);
	if (o->vm)
		add_option(argv, "--vm", "-");

	if (o->pairs)
		add_peers(argv, r->hosts, host);

	g_ptr_array_add(argv, NULL);

	return (char **)g_ptr_array_free(argv, FALSE);
}

static void print_host(const struct run *r, const struct host_answer *answer)
{
	g_autofree char *text = host_table_host(answer, r->width, r->o->verbose);

	fputs(text, stdout);
	fflush(stdout);
}

/* Takes ANSWER. */
static void set_answer(struct question *q, struct host_answer *answer)
{
	struct run *r = q->run;
	Fleet *fleet = q->fleet;

	for (guint i = 0; i < r->hosts->len; i++)
		if (r->hosts->pdata[i] == q->host)
			r->answers->pdata[i] = answer;

	/* Printed at once: a host that hangs delays the lines of no other host. */
	if (!r->o->json)
		print_host(r, answer);

	g_free(q->keep_nothing);
	g_free(q);
	fleet_ended(fleet);
}

static void on_answer(void *data, const struct child_result *result)
{
	struct question *q = data;

	set_answer(q, host_answer_new(q->host, result, q->started_ms, &q->run->front));
}

/* Runs ARGV for Q with what is left of its time. */
static void run_ssh(struct question *q, char **argv, GBytes *input, child_done *done)
{
	gint64 passed_ms = g_get_real_time() / 1000 - q->started_ms;
	gint64 left_ms = (gint64)q->run->timeout_s * 1000 - MAX(passed_ms, 0);
	struct child_spec spec = {
		.argv = (const char *const *)argv, .input = input,
		.timeout_ms = (unsigned)MAX(left_ms, 1), .grace_ms = GRACE_MS,
		.max_output = MAX_ANSWER,
	};
	g_autoptr(GError) error = NULL;

	if (!child_start(&spec, done, q, &error))
		set_answer(q, host_answer_failed(q->host, error->message));
}

static void on_config(void *data, const struct child_result *result)
{
	struct question *q = data;
	struct wire_ssh ssh = q->run->ssh;
	g_auto(GStrv) args = host_argv(q->run, q->host);
	g_auto(GStrv) argv = NULL;

	if (result->timed_out) {
		on_answer(q, result);
		return;
	}

	q->keep_nothing = wire_ssh_keep_nothing(result->out->str);
	ssh.option = q->keep_nothing;
	argv = wire_ssh_shell(&ssh, q->host, script, (const char *const *)args);
	run_ssh(q, argv, q->run->input, on_answer);
}

static void ask_host(void *data, Fleet *fleet, const char *host)
{
	struct run *r = data;
	struct question *q = g_new0(struct question, 1);
	g_auto(GStrv) argv = wire_ssh_config(r->ssh.command, host);

	*q = (struct question){ r, fleet, host, g_get_real_time() / 1000, NULL };
	run_ssh(q, argv, NULL, on_config);
}

/* The last line of VERSION of the set here; NULL: there is none. The caller frees. */
static char *own_set_version(const char *dir)
{
	g_autofree char *path = g_build_filename(dir, "VERSION", NULL);
	GString *text = file_read(path, MAX_VERSION, NULL);
	g_autofree char *trimmed = text ? g_strstrip(g_string_free(text, FALSE)) : NULL;
	const char *last = trimmed ? strrchr(trimmed, '\n') : NULL;

	if (last)
		return g_strdup(last + 1);

	return g_steal_pointer(&trimmed);
}

static int print_answers(const struct run *r)
{
	g_autoptr(GPtrArray) pairs = host_pairs_new(r->answers, r->o->pairs);
	g_autofree char *text = NULL;

	if (r->o->json)
		text = host_table_json(r->answers, pairs);
	else
		text = host_table_end(r->answers, pairs, r->width);
	fputs(text, stdout);

	switch (host_table_worst(r->answers, pairs)) {
	case HOST_FAIL:
		return 1;
	case HOST_UNKNOWN:
		return 3;
	default:
		return 0;
	}
}

static bool read_vm(struct run *r, GError **error)
{
	GString *text;

	if (!r->o->vm)
		return true;

	text = file_read(r->o->vm, MAX_VM, error);
	if (!text)
		return false;

	r->input = g_string_free_to_bytes(text);

	return true;
}

static int check_hosts(const struct options *o, GError **error)
{
	const struct fleet_choice choice = { o->all, o->cluster, o->hosts };
	g_autofree char *set_version = own_set_version(o->dir);
	g_autoptr(GPtrArray) hosts = fleet_hosts(&choice, error);
	g_autoptr(GPtrArray) answers = g_ptr_array_new_with_free_func(host_answer_free);
	g_autoptr(GBytes) input = NULL;
	struct run r = {
		.o = o, .hosts = hosts, .answers = answers,
		.ssh = { .command = o->ssh, .shell = "sh", .mark = "kvm-host-check",
			 .connect_timeout_s = 10, .alive_interval_s = 10 },
		.front = { .set_version = set_version, .is_whole = !o->only },
	};

	if (!hosts)
		return vmm_is(*error, VMM_ERROR_USAGE) ? STATUS_USAGE : STATUS_UNKNOWN;
	if (!read_vm(&r, error))
		return STATUS_USAGE;

	input = r.input;
	g_ptr_array_set_size(answers, (int)hosts->len);
	for (guint i = 0; i < hosts->len; i++)
		r.width = MAX(r.width, (int)strlen(hosts->pdata[i]));
	r.timeout_s = (unsigned)o->timeout_s;
	if (!o->timeout_s)
		r.timeout_s = HOST_S + (o->pairs ? hosts->len * PEER_S : 0);
	fleet_run(hosts, (guint)o->parallel, ask_host, &r);

	return print_answers(&r);
}

static void free_options(struct options *o)
{
	char *texts[] = { o->cluster, o->remote_dir, o->ssh, o->dir, o->vm,
			  o->only, o->require, o->type, o->arch, o->storage };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);
	g_strfreev(o->hosts);
}

static void set_defaults(struct options *o)
{
	if (!o->dir)
		o->dir = conf_path_var("remotes");
	if (!o->remote_dir)
		o->remote_dir = fleet_remote_dir();
	if (!o->ssh)
		o->ssh = g_strdup("ssh");
}

int main(int argc, char **argv)
{
	struct options o = { .parallel = 50 };
	g_autoptr(GOptionContext) context = option_context(&o);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) words = g_strdupv(argv);
	int status = STATUS_USAGE;

	program_open_descriptors();
	g_log_writer_default_set_use_stderr(TRUE);
	signal(SIGPIPE, SIG_IGN);

	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		error_object_print(words, error);
		return program_fail("kvm-host-check", error);
	}

	set_defaults(&o);
	if (o.help)
		program_print_help(context);
	else if (o.version)
		puts("kvm-host-check " VMM_VERSION);
	else if (check_options(&o, &error))
		status = check_hosts(&o, &error);
	free_options(&o);
	if (o.help || o.version)
		return 0;
	if (!error)
		return program_end("kvm-host-check", status, STATUS_UNKNOWN);

	error_object_print(words, error);
	program_fail("kvm-host-check", error);

	return status;
}
