/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvm-sync-hosts - brings the set of scripts and programs to the hosts: only what has changed,
 * several hosts at a time, and each host has the old set or the new one at any moment.
 */
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/program.h"
#include "conf/paths.h"
#include "fleet/fleet.h"
#include "sync_host.h"

struct options {
	gboolean all, force, help, version, quiet;
	int parallel, timeout_s;
	char *cluster, *dir, *builds, *remote_dir, *ssh;
	char **hosts;		/* operands */
};

struct run {
	struct sync sync;
	Fleet *fleet;
	guint all, failed, updated;
	bool quiet;
};

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
				     "to hosts. Exit status: 0 all have it, 1 some have not, "
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
	if (!o->hosts && !o->all && !o->cluster)
		return vmm_fail(error, VMM_ERROR_USAGE, "no host is named (HOST…, --all or "
				"--cluster)");
	if (o->parallel < 1 || o->timeout_s < 1)
		return vmm_fail(error, VMM_ERROR_USAGE,
				"--parallel and --timeout must be at least 1");

	return true;
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

static void on_host(void *data, const struct host_result *x)
{
	struct run *r = data;
	double seconds = (double)x->wall_us / G_USEC_PER_SEC;
	guint ended = fleet_count_ended(r->fleet) + 1;

	if (x->error) {
		g_autofree char *line = vmm_error_line(x->error);

		r->failed++;
		fprintf(stderr, "[%u/%u] %s: %s\n", ended, r->all, x->host, line);
	} else if (!r->quiet && x->changed) {
		printf("[%u/%u] %s: updated, %u files, %.1f MB (%.1f s)\n", ended, r->all,
		       x->host, x->files, (double)x->bytes / 1e6, seconds);
	} else if (!r->quiet) {
		printf("[%u/%u] %s: up to date (%.1f s)\n", ended, r->all, x->host,
		       seconds);
	}

	r->updated += !x->error && x->changed;
	fflush(stdout);
	fleet_ended(r->fleet);
}

static void start_host(void *data, Fleet *fleet, const char *host)
{
	struct run *r = data;

	r->fleet = fleet;
	sync_host(&r->sync, host, on_host, r);
}

static int sync_hosts(const struct options *o, GError **error)
{
	struct run r = {
		.sync = {
			.ssh = { .command = o->ssh, .shell = "sh", .mark = "kvm-sync-hosts",
				 .connect_timeout_s = 30, .alive_interval_s = 10 },
			.remote_dir = o->remote_dir, .dir = o->dir, .builds = o->builds,
			.timeout_ms = (unsigned)o->timeout_s * 1000, .force = o->force,
		},
		.quiet = o->quiet,
	};
	g_autofree char *platform = own_platform(o->dir);
	const struct fleet_choice choice = { o->all, o->cluster, o->hosts };
	g_autoptr(GPtrArray) hosts = NULL;
	g_autoptr(GHashTable) sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
							   (GDestroyNotify)file_set_free);

	r.sync.sets = sets;
	r.sync.platform = platform;

	if (!g_path_is_absolute(o->remote_dir) || strlen(o->remote_dir) < 2) {
		vmm_fail(error, VMM_ERROR_USAGE, "'%s' is no directory for a set", o->remote_dir);
		return 2;
	}

	hosts = fleet_hosts(&choice, error);
	if (!hosts)
		return 1;

	r.all = hosts->len;
	fleet_run(hosts, (guint)o->parallel, start_host, &r);
	if (r.all > 1 && !r.quiet)
		printf("%u hosts have it (%u updated), %u failed\n", r.all - r.failed, r.updated,
		       r.failed);

	if (r.failed)
		return 1;

	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .parallel = 15, .timeout_s = 300 };
	g_autoptr(GError) error = NULL;
	int status = 0;

	program_open_descriptors();
	g_log_writer_default_set_use_stderr(TRUE);
	signal(SIGPIPE, SIG_IGN);

	if (parse_options(argc, argv, &o, &error) && !o.help && !o.version) {
		if (!o.dir)
			o.dir = conf_path_var("remotes");
		if (!o.builds)
			o.builds = conf_path_var("remotes-builds");
		if (!o.remote_dir)
			o.remote_dir = fleet_remote_dir();
		if (!o.ssh)
			o.ssh = g_strdup("ssh");
		status = sync_hosts(&o, &error);
	}

	if (error)
		status = program_fail("kvm-sync-hosts", error);

	g_free(o.cluster);
	g_free(o.dir);
	g_free(o.builds);
	g_free(o.remote_dir);
	g_free(o.ssh);
	g_strfreev(o.hosts);

	return status;
}
