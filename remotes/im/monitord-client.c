/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitord-client - makes the figures of this host for OpenNebula's monitord.
 *
 * It has a main() of its own: it is no action on a VM.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/program.h"
#include "base/text.h"
#include "conf/kvmrc.h"
#include "conf/paths.h"
#include "virt/timed_call.h"
#include "watch/agent_rules.h"
#include "watch/watch_once.h"

enum { LIMIT_S = 20, DOMAIN_MS = 3000 };

#define DATASTORES "/var/lib/one/datastores"
#define DIRECTORY "/var/tmp/one_db"

struct options {
	gboolean help, version, print, json;
	char **argv;		/* as they were given */
	char *once, *uri, *sysroot, *datastores, *directory;
	int timeout_s;
};

static GOptionContext *client_context(struct options *o)
{
	/* clang-format off */
	const GOptionEntry entries[] = {
		{ "once", 0, 0, G_OPTION_ARG_STRING, &o->once,
		  "Make this set once: host/beacon, host/system, host/monitor, vm/status, "
		  "vm/monitor, vm/execution, vm/snapshot", "SET" },
		{ "print", 'p', 0, G_OPTION_ARG_NONE, &o->print,
		  "Print it instead of sending it; stdin is not read", NULL },
		{ "json", 'j', 0, G_OPTION_ARG_NONE, &o->json,
		  "Print it as one JSON object", NULL },
		{ "timeout", 't', 0, G_OPTION_ARG_INT, &o->timeout_s,
		  "How long it may take (20)", "SECONDS" },
		{ "connect", 'c', 0, G_OPTION_ARG_FILENAME, &o->uri,
		  "Use this libvirt instead of LIBVIRT_URI in kvmrc", "URI" },
		{ "datastores", 0, 0, G_OPTION_ARG_FILENAME, &o->datastores,
		  "Where the datastores are (" DATASTORES ")", "DIR" },
		{ "directory", 0, 0, G_OPTION_ARG_FILENAME, &o->directory,
		  "Where the agent keeps its process id, known VMs and usage (" DIRECTORY ")",
		  "DIR" },
		{ "sysroot", 0, 0, G_OPTION_ARG_FILENAME, &o->sysroot,
		  "Read /proc and /sys of another host from here", "DIR" },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &o->version, "Print the version", NULL },
		{ 0 }
	};
	/* clang-format on */
	GOptionContext *context = g_option_context_new("[HYPERVISOR HOST_ID HOST_NAME]");

	g_option_context_set_summary(context, "Makes the figures of this host for OpenNebula's "
				     "monitord, which the start message on stdin "
				     "names.\nWithout --once it answers that message and sends all "
				     "sets, until SIGTERM.");
	g_option_context_set_description(context, "Exit status: 0 done, 1 failed, 2 wrong usage."
					 "\n\nExample:\n  monitord-client --once vm/monitor "
					 "--print");
	g_option_context_add_main_entries(context, entries, NULL);
	program_add_help(context, &o->help);

	return context;
}

static bool check_wish(const struct options *o, GError **error)
{
	if (!o->once && o->print)
		return vmm_fail(error, VMM_ERROR_USAGE, "--print is for --once");
	if (o->once && monitord_set_by_path(o->once) == MONITORD_SETS)
		return vmm_fail(error, VMM_ERROR_USAGE, "--once: there is no set '%s'", o->once);
	if (o->timeout_s < 1 || o->timeout_s > 3600)
		return vmm_fail(error, VMM_ERROR_USAGE, "--timeout: %d is not from 1 to 3600",
				o->timeout_s);
	if (o->json && !o->print)
		return vmm_fail(error, VMM_ERROR_USAGE, "--json is for --print");
	if (o->sysroot && !g_file_test(o->sysroot, G_FILE_TEST_IS_DIR))
		return vmm_fail(error, VMM_ERROR_USAGE, "--sysroot: '%s' is not a directory",
				o->sysroot);

	return true;
}

static void print(const Fields *fields, bool json)
{
	g_autofree char *text = json ? fields_json(fields) : fields_template(fields);

	fputs(text, stdout);
}

static bool make_once(const struct options *o, const struct watch_place *place,
		      const MonitordStart *start, GError **error)
{
	enum monitord_set_id id = monitord_set_by_path(o->once);
	g_autoptr(Fields) fields = watch_once(place, id, (unsigned)o->timeout_s * 1000, error);

	if (!fields)
		return false;
	if (start)
		return watch_send_once(start, id, fields, error);
	print(fields, o->json);

	return true;
}

static bool run(const struct options *o, const char *const *argv, GError **error)
{
	static const char *const by_hand[] = { "kvm", NULL };
	g_autofree char *path = conf_path_kvmrc();
	g_autofree char *rules_path = conf_path_remotes("etc/im/kvm-probes.d/probe_db.conf");
	g_autofree char *set = conf_path_remotes("");
	g_autoptr(ConfKvmrc) rc = conf_kvmrc_load(path);
	g_autoptr(MonitordStart) start = NULL;
	struct agent_rules rules = { .argv = o->argv };
	struct watch_place place = {
		.uri = text_or(o->uri, conf_kvmrc_string(rc, "LIBVIRT_URI")),
		.metadata = conf_kvmrc_string(rc, "LIBVIRT_MD_URI"),
		.root = o->sysroot, .set = set, .limit_ms = DOMAIN_MS,
		.datastores = text_or(o->datastores, DATASTORES),
		.directory = text_or(o->directory, DIRECTORY),
		.argv = *argv ? argv : by_hand, .start = "", .by_hand = o->once != NULL,
	};

	if (strchr(place.argv[0], '/'))
		return vmm_fail(error, VMM_ERROR_USAGE, "HYPERVISOR: '%s' is a path",
				place.argv[0]);
	if (!agent_rules_read(&rules, rules_path, error))
		return false;
	place.strict = rules.strict;
	if (!o->print && !(start = monitord_start_read(STDIN_FILENO, error)))
		return false;
	if (start)
		place.start = start->text;
	if (start && start->datastores && !o->datastores)
		place.datastores = start->datastores;
	if (o->once)
		return make_once(o, &place, start, error);

	return agent_run(&place, start, &rules, error) == 0;
}

static void free_wish(struct options *o)
{
	char *texts[] = { o->once, o->uri, o->sysroot, o->datastores, o->directory };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);
	g_strfreev(o->argv);
}

int main(int argc, char **argv)
{
	struct options o = { .timeout_s = LIMIT_S, .argv = g_strdupv(argv) };
	g_autoptr(GOptionContext) context = client_context(&o);
	g_autoptr(GError) error = NULL;
	int status = 0;

	program_open_descriptors();
	signal(SIGPIPE, SIG_IGN);	/* of a libvirtd that ends */
	g_log_writer_default_set_use_stderr(TRUE);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return program_fail("monitord-client", error);

	if (o.help)
		program_print_help(context);
	else if (o.version)
		puts("vmmexec " VMM_VERSION);
	else if (check_wish(&o, &error))
		run(&o, (const char *const *)argv + 1, &error);
	if (error)
		status = program_fail("monitord-client", error);
	status = program_end("monitord-client", status, 1);
	if (!o.once || virt_call_any_abandoned())
		_exit(status);		/* other threads use what would be torn down */
	free_wish(&o);

	return status;
}
