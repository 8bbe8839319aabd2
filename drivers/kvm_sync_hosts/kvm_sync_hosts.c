/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvm-sync-hosts - brings the set of scripts and programs to the hosts: only what has changed,
 * several hosts at a time, and each host has the old set or the new one at any moment.
 */
#include <json-c/json.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/error_object.h"
#include "base/file.h"
#include "base/program.h"
#include "base/progress_line.h"
#include "base/terminal.h"
#include "conf/paths.h"
#include "fleet/fleet.h"
#include "sync_host.h"

struct options {
	gboolean all, force, help, version, quiet, check, list, json;
	int parallel, timeout_s;
	char *cluster, *dir, *builds, *remote_dir, *ssh;
	char **hosts;		/* operands */
};

struct run {
	struct sync sync;
	Fleet *fleet;
	guint all, failed, updated;
	bool quiet;
	struct progress_line bar;
	json_object *hosts;		/* for --json; NULL: lines are printed */
};

enum { BAR_MS = 200, MAX_TIMEOUT_S = 7 * 86400 };

static bool check_run_options(const struct options *o, GError **error)
{
	if (!o->hosts && !o->all && !o->cluster)
		return vmm_fail(error, VMM_ERROR_USAGE, "no host is named (HOST…, --all or "
				"--cluster)");
	if (o->parallel < 1 || o->timeout_s < 1)
		return vmm_fail(error, VMM_ERROR_USAGE,
				"--parallel and --timeout must be at least 1");
	if (o->timeout_s > MAX_TIMEOUT_S)
		return vmm_fail(error, VMM_ERROR_USAGE, "--timeout must be at most %d",
				MAX_TIMEOUT_S);

	return true;
}

static bool parse_options(int argc, char **argv, struct options *o, GError **error)
{
	/* clang-format off */
	const GOptionEntry entries[] = {
		{ "all", 'a', 0, G_OPTION_ARG_NONE, &o->all,
		  "All hosts that OpenNebula knows, but those that are offline", NULL },
		{ "cluster", 'c', 0, G_OPTION_ARG_FILENAME, &o->cluster,
		  "Those of this cluster", "NAME" },
		{ "force", 'f', 0, G_OPTION_ARG_NONE, &o->force,
		  "Send the whole set, whatever the host has", NULL },
		{ "check", 'n', 0, G_OPTION_ARG_NONE, &o->check,
		  "Say what each host lacks; send nothing", NULL },
		{ "list", 'l', 0, G_OPTION_ARG_NONE, &o->list,
		  "Print the names of the hosts; ask none", NULL },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &o->json,
		  "Print one JSON object at the end", NULL },
		{ "parallel", 'j', 0, G_OPTION_ARG_INT, &o->parallel, "Hosts at a time (15)", "N" },
		{ "timeout", 't', 0, G_OPTION_ARG_INT, &o->timeout_s,
		  "How long a host may take (300)", "SECONDS" },
		{ "dir", 0, 0, G_OPTION_ARG_FILENAME, &o->dir,
		  "The set (/var/lib/one/remotes)", "DIR" },
		{ "builds", 0, 0, G_OPTION_ARG_FILENAME, &o->builds,
		  "Builds for other platforms, each in a directory such as debian-12-aarch64 "
		  "(/var/lib/one/remotes-builds)", "DIR" },
		{ "remote-dir", 0, 0, G_OPTION_ARG_FILENAME, &o->remote_dir,
		  "Where hosts have it (oned's SCRIPTS_REMOTE_DIR, /var/tmp/one)", "DIR" },
		{ "ssh", 0, 0, G_OPTION_ARG_FILENAME, &o->ssh, "Words that run ssh", "COMMAND" },
		{ "quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet, "Name only failures", NULL },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &o->version, "Print the version", NULL },
		{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->hosts, NULL, NULL },
		{ 0 }
	};
	/* clang-format on */
	g_autoptr(GOptionContext) context = g_option_context_new("HOST…");

	g_option_context_set_summary(context, "Brings the scripts and programs of the KVM set "
				     "to hosts. Exit status: 0 all have it, 1 some do not, "
				     "2 misuse.");
	g_option_context_set_description(context, "Example:\n  kvm-sync-hosts --all");
	g_option_context_add_main_entries(context, entries, NULL);
	program_add_help(context, &o->help);
	if (!g_option_context_parse(context, &argc, &argv, error))
		return false;
	if (o->help)
		program_print_help(context);
	if (o->version)
		puts("kvm-sync-hosts " VMM_VERSION);
	if (o->help)
		return true;
	if (o->version)
		return true;

	return check_run_options(o, error);
}

static char *own_platform(const char *dir)
{
	g_autofree char *path = g_build_filename(dir, "vmm", "platform", NULL);
	GString *kept = file_read(path, 256, NULL);
	GString *release = file_read("/etc/os-release", 65536, NULL);
	struct utsname name;
	char *platform;

	uname(&name);
	if (kept)
		platform = g_strdup(g_strstrip(kept->str));
	else
		platform = file_set_platform(release ? release->str : "", name.machine);
	if (kept)
		g_string_free(kept, TRUE);
	if (release)
		g_string_free(release, TRUE);

	return platform;
}

static const char *outcome_of(const struct run *r, const struct host_result *x)
{
	if (x->error)
		return "failed";
	if (!x->changed)
		return "up-to-date";
	if (r->sync.check)
		return "behind";

	return "updated";
}

static void add_host_object(const struct run *r, const struct host_result *x)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "host", json_object_new_string(x->host));
	json_object_object_add(o, "outcome", json_object_new_string(outcome_of(r, x)));
	json_object_object_add(o, "files", json_object_new_int64(x->files));
	json_object_object_add(o, "bytes", json_object_new_uint64(x->bytes));
	json_object_object_add(o, "elapsed_ms", json_object_new_int64(x->wall_us / 1000));
	if (x->error)
		json_object_object_add(o, "error",
				       error_object(x->error, vmm_error_retry_safe(x->error)));
	json_object_array_add(r->hosts, o);
}

static void print_host(const struct run *r, const struct host_result *x)
{
	double seconds = (double)x->wall_us / G_USEC_PER_SEC;
	guint ended = fleet_count_ended(r->fleet) + 1;
	g_autofree char *line = x->error ? vmm_error_line(x->error) : NULL;
	g_autofree char *red = line ? terminal_paint(STDERR_FILENO, TERMINAL_RED, line) : NULL;

	if (red)
		fprintf(stderr, "[%u/%u] %s: %s\n", ended, r->all, x->host, red);
	else if (!r->quiet && x->changed)
		printf("[%u/%u] %s: %s, %u files, %.1f MB (%.1f s)\n", ended, r->all, x->host,
		       outcome_of(r, x), x->files, (double)x->bytes / 1e6, seconds);
	else if (!r->quiet)
		printf("[%u/%u] %s: up to date (%.1f s)\n", ended, r->all, x->host, seconds);
	fflush(stdout);
}

static void on_host(void *data, const struct host_result *x)
{
	struct run *r = data;

	r->failed += x->error != NULL;
	r->updated += !x->error && x->changed;
	progress_line_end(&r->bar);
	if (r->hosts)
		add_host_object(r, x);
	else
		print_host(r, x);
	fleet_ended(r->fleet);
}

/* Bytes of all hosts together; a host that is only asked has none. */
static gboolean on_bar(gpointer data)
{
	struct run *r = data;

	r->bar.total = r->sync.announced_bytes;
	if (g_hash_table_size(r->sync.sending))
		progress_line_show(&r->bar, r->bar.total - sync_host_unsent(&r->sync));

	return G_SOURCE_CONTINUE;
}

static void start_host(void *data, Fleet *fleet, const char *host)
{
	struct run *r = data;

	r->fleet = fleet;
	sync_host(&r->sync, host, on_host, r);
}

static int print_names(const GPtrArray *hosts, bool as_json)
{
	json_object *all = json_object_new_object(), *names = json_object_new_array();

	json_object_object_add(all, "hosts", names);
	for (guint i = 0; i < hosts->len; i++) {
		const char *name = hosts->pdata[i];

		if (as_json)
			json_object_array_add(names, json_object_new_string(name));
		else
			puts(name);
	}

	if (as_json)
		puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
	json_object_put(all);

	return program_end("kvm-sync-hosts", 0, 1);
}

static int print_summary(const struct run *r)
{
	json_object *all = json_object_new_object();
	bool is_behind = r->sync.check && r->updated > 0;

	json_object_object_add(all, "hosts", json_object_get(r->hosts));
	json_object_object_add(all, "failed", json_object_new_int64(r->failed));
	json_object_object_add(all, r->sync.check ? "behind" : "updated",
			       json_object_new_int64(r->updated));
	if (r->hosts)
		puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (r->all > 1 && !r->quiet && r->sync.check)
		printf("%u hosts have it, %u are behind, %u failed\n",
		       r->all - r->failed - r->updated, r->updated, r->failed);
	else if (r->all > 1 && !r->quiet)
		printf("%u hosts have it (%u updated), %u failed\n", r->all - r->failed,
		       r->updated, r->failed);
	json_object_put(all);

	return program_end("kvm-sync-hosts", r->failed || is_behind, 1);
}

static int sync_all(const struct options *o, const GPtrArray *hosts)
{
	struct run r = {
		.sync = {
			.ssh = { .command = o->ssh, .shell = "sh", .mark = "kvm-sync-hosts",
				 .connect_timeout_s = 30, .alive_interval_s = 10 },
			.remote_dir = o->remote_dir, .dir = o->dir, .builds = o->builds,
			.timeout_ms = (unsigned)o->timeout_s * 1000, .force = o->force,
			.check = o->check,
		},
		.all = hosts->len, .quiet = o->quiet, .bar = { .what = "sending" },
	};
	g_autofree char *platform = own_platform(o->dir);
	g_autoptr(GHashTable) sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
							   (GDestroyNotify)file_set_free);
	g_autoptr(GHashTable) sending = g_hash_table_new(NULL, NULL);
	int status;

	r.sync.sets = sets;
	r.sync.platform = platform;
	r.sync.sending = sending;
	if (o->json)
		r.hosts = json_object_new_array();
	else if (isatty(STDERR_FILENO) && !o->quiet)
		g_timeout_add(BAR_MS, on_bar, &r);
	fleet_run(hosts, (guint)o->parallel, start_host, &r);
	progress_line_end(&r.bar);
	status = print_summary(&r);
	json_object_put(r.hosts);

	return status;
}

/* Plain: what lies beside it must not come to lie in it, as with a slash at its end. */
static bool make_remote_dir_plain(struct options *o, GError **error)
{
	char *plain = NULL;

	if (g_path_is_absolute(o->remote_dir))
		plain = g_canonicalize_filename(o->remote_dir, "/");
	if (!plain || strlen(plain) < 2) {
		g_free(plain);
		return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is no directory for a set",
				o->remote_dir);
	}

	g_free(o->remote_dir);
	o->remote_dir = plain;

	return true;
}

/* All files of any other directory would be sent to each host, and read by its users. */
static bool check_set(const char *dir, GError **error)
{
	g_autofree char *vmm = g_build_filename(dir, "vmm", NULL);

	if (g_file_test(vmm, G_FILE_TEST_IS_DIR))
		return true;

	vmm_fail(error, VMM_ERROR_NOT_FOUND, "cannot send %s: it is no set of scripts: it has no "
		 "directory vmm", dir);
	vmm_error_set_hint(error, "name the set by --dir; make install puts it into %s",
			   "/var/lib/one/remotes");

	return false;
}

static int sync_hosts(struct options *o, GError **error)
{
	const struct fleet_choice choice = { o->all, o->cluster, o->hosts };
	g_autoptr(GPtrArray) hosts = NULL;

	if (!make_remote_dir_plain(o, error))
		return 2;

	hosts = fleet_hosts(&choice, error);
	if (!hosts)
		return 1;
	if (o->list)
		return print_names(hosts, o->json);
	if (!check_set(o->dir, error))
		return 1;

	return sync_all(o, hosts);
}

/* The directory with other builds need not be there, unless it is named. */
static bool set_places(struct options *o, GError **error)
{
	if (o->builds && !g_file_test(o->builds, G_FILE_TEST_IS_DIR))
		return vmm_fail(error, VMM_ERROR_USAGE, "--builds: '%s' is not a directory",
				o->builds);

	if (!o->dir)
		o->dir = conf_path_var("remotes");
	if (!o->builds)
		o->builds = conf_path_var("remotes-builds");
	if (!o->remote_dir)
		o->remote_dir = fleet_remote_dir();
	if (!o->ssh)
		o->ssh = g_strdup("ssh");

	return true;
}

int main(int argc, char **argv)
{
	struct options o = { .parallel = 15, .timeout_s = 300 };
	g_auto(GStrv) words = g_strdupv(argv);
	g_autoptr(GError) error = NULL;
	int status = 0;

	program_open_descriptors();
	g_log_writer_default_set_use_stderr(TRUE);
	signal(SIGPIPE, SIG_IGN);

	if (parse_options(argc, argv, &o, &error) && !o.help && !o.version &&
	    set_places(&o, &error))
		status = sync_hosts(&o, &error);

	if (error) {
		error_object_print(words, error);
		status = program_fail("kvm-sync-hosts", error);
	}

	g_free(o.cluster);
	g_free(o.dir);
	g_free(o.builds);
	g_free(o.remote_dir);
	g_free(o.ssh);
	g_strfreev(o.hosts);

	return status;
}
