/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_options.h"

#include "base/program.h"

static const char help_end[] =
	"VM is a number (7), a name (one-7) or a UUID.\n"
	"SIZE is bytes, or has K, M, G or T behind it.\n"
	"Exit status: 0 done (also when it already was), 1 failed, 2 wrong usage,\n"
	"3 outcome unknown.\n"
	"\n"
	"Example:\n"
	"  vmmexec attach-disk one-7 --file /var/lib/one/datastores/0/7/disk.2.qcow2\n"
	"  vmmexec update-disk one-7 vda --limit total_iops_sec=500 --limit read_bytes_sec=50M";

static void add_common(GOptionContext *context, struct cli_options *o)
{
	/* clang-format off */
	const GOptionEntry entries[] = {
		{ "host", 'H', 0, G_OPTION_ARG_FILENAME, &o->host,
		  "The host of the VM, reached by ssh (this one)", "HOST" },
		{ "json", 'j', 0, G_OPTION_ARG_NONE, &o->json,
		  "Print the result or the error as one JSON object", NULL },
		{ "dry-run", 'n', 0, G_OPTION_ARG_NONE, &o->dry_run,
		  "Print what would be done; change nothing", NULL },
		{ "quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet,
		  "No bar, and no line when it is done", NULL },
		{ "deadline", 'd', 0, G_OPTION_ARG_FILENAME, &o->deadline,
		  "End after this time at the latest", "SECONDS" },
		{ "connect", 'c', 0, G_OPTION_ARG_FILENAME, &o->connect,
		  "Use this libvirt instead of LIBVIRT_URI in kvmrc", "URI" },
		{ "dir", 0, 0, G_OPTION_ARG_FILENAME, &o->dir,
		  "Where the host has the programs (/var/tmp/one)", "DIR" },
		{ "ssh", 0, 0, G_OPTION_ARG_FILENAME, &o->ssh, "Words that run ssh", "COMMAND" },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &o->version, "Print the version", NULL },
		{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->words, NULL, NULL },
		{ 0 }
	};
	/* clang-format on */

	g_option_context_add_main_entries(context, entries, NULL);
}

static void add_others(GOptionContext *context, struct cli_options *o)
{
	/* clang-format off */
	const GOptionEntry entries[] = {
		{ "names", 0, 0, G_OPTION_ARG_NONE, &o->names,
		  "list: the names alone, a line each", NULL },
		{ "file", 'f', 0, G_OPTION_ARG_FILENAME, &o->file,
		  "attach-disk: the image or block device", "FILE" },
		{ "target", 't', 0, G_OPTION_ARG_FILENAME, &o->target,
		  "attach-disk: the device in the guest (the next vdX)", "DEV" },
		{ "format", 0, 0, G_OPTION_ARG_FILENAME, &o->format,
		  "attach-disk: the image's format (as its name ends)", "FORMAT" },
		{ "cache", 0, 0, G_OPTION_ARG_FILENAME, &o->cache,
		  "attach-disk: none, writeback…", "MODE" },
		{ "readonly", 0, 0, G_OPTION_ARG_NONE, &o->readonly,
		  "attach-disk: the guest cannot write to it", NULL },
		{ "shareable", 0, 0, G_OPTION_ARG_NONE, &o->shareable,
		  "attach-disk: other VMs that have it so may have it, too", NULL },
		{ "foreign", 0, 0, G_OPTION_ARG_NONE, &o->foreign,
		  "attach-disk, save, deploy: also in the directory of another VM", NULL },
		{ "bridge", 'b', 0, G_OPTION_ARG_FILENAME, &o->bridge,
		  "attach-nic: the bridge of the host", "BRIDGE" },
		{ "mac", 0, 0, G_OPTION_ARG_FILENAME, &o->mac,
		  "attach-nic: its address (a random one)", "MAC" },
		{ "model", 0, 0, G_OPTION_ARG_FILENAME, &o->model,
		  "attach-nic: virtio, e1000… (virtio)", "MODEL" },
		{ "large", 0, 0, G_OPTION_ARG_NONE, &o->large,
		  "resize-disk: also beyond 512 times the size that it has", NULL },
		{ "memory", 'm', 0, G_OPTION_ARG_FILENAME, &o->memory,
		  "resize: how much it shall have", "SIZE" },
		{ "vcpus", 0, 0, G_OPTION_ARG_FILENAME, &o->vcpus,
		  "resize: how many CPUs it shall have", "N" },
		{ "limit", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->limits,
		  "update-disk, update-nic: read_bytes_sec=50M, total_iops_sec=500, "
		  "inbound_avg_bw=10M…; none: no limit. All others are removed",
		  "NAME=VALUE" },
		{ "directory", 0, 0, G_OPTION_ARG_FILENAME, &o->directory,
		  "deploy: the VM's, on the host", "DIR" },
		{ "prepare", 0, 0, G_OPTION_ARG_NONE, &o->prepare,
		  "deploy: make its disks first, as kvm-image prepare does", NULL },
		{ "wait", 'w', 0, G_OPTION_ARG_FILENAME, &o->wait,
		  "exec: how long the program may run; 0: do not wait (60)", "SECONDS" },
		{ 0 }
	};
	/* clang-format on */

	g_option_context_add_main_entries(context, entries, NULL);
}

GOptionContext *cli_options_context(struct cli_options *o, const char *commands)
{
	GOptionContext *context = g_option_context_new("COMMAND [VM [OPERAND…]]");

	g_option_context_set_summary(context, commands);
	g_option_context_set_description(context, help_end);
	add_common(context, o);
	add_others(context, o);
	program_add_help(context, &o->help);

	return context;
}

int cli_options_next_word(int argc, char **argv, int from)
{
	struct cli_options o = { 0 };
	g_autoptr(GOptionContext) context = cli_options_context(&o, "");
	int n = argc - from, at = argc;
	g_autofree char **words = g_memdup2(argv + from, (gsize)(n + 1) * sizeof(*argv));

	g_option_context_set_strict_posix(context, TRUE);
	if (g_option_context_parse(context, &n, &words, NULL) && o.words)
		at = argc - (int)g_strv_length(o.words);
	cli_options_clear(&o);

	return at;
}

/* Those that belong to some commands: the common ones are left out. */
const char *const *cli_options_names(void)
{
	static const char *const names[] = {
		"names", "file", "target", "format", "cache", "readonly", "shareable", "foreign",
		"bridge", "mac", "model", "memory", "vcpus", "limit", "directory", "prepare",
		"wait", "large", NULL
	};

	return names;
}

/* A command refuses options that it would not use, so that none is ignored silently. */
bool cli_options_has(const struct cli_options *o, const char *name)
{
	const struct {
		const char *name;
		bool is_given;
	} given[] = {
		{ "names", o->names }, { "file", o->file }, { "target", o->target },
		{ "format", o->format }, { "cache", o->cache }, { "readonly", o->readonly },
		{ "shareable", o->shareable }, { "foreign", o->foreign },
		{ "bridge", o->bridge }, { "mac", o->mac }, { "model", o->model },
		{ "memory", o->memory }, { "vcpus", o->vcpus }, { "limit", o->limits },
		{ "directory", o->directory },
		{ "prepare", o->prepare }, { "wait", o->wait },
		{ "large", o->large },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(given); i++)
		if (g_str_equal(given[i].name, name))
			return given[i].is_given;
	return false;
}

const char *cli_options_empty(const struct cli_options *o)
{
	const struct {
		const char *name, *text;
	} given[] = {
		{ "host", o->host }, { "dir", o->dir }, { "connect", o->connect },
		{ "deadline", o->deadline }, { "ssh", o->ssh }, { "file", o->file },
		{ "target", o->target }, { "format", o->format }, { "cache", o->cache },
		{ "bridge", o->bridge }, { "mac", o->mac }, { "model", o->model },
		{ "memory", o->memory }, { "vcpus", o->vcpus }, { "directory", o->directory },
		{ "wait", o->wait },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(given); i++)
		if (given[i].text && !*given[i].text)
			return given[i].name;

	return NULL;
}

void cli_options_clear(struct cli_options *o)
{
	char *texts[] = { o->host, o->dir, o->connect, o->deadline, o->ssh, o->file, o->target,
			  o->format, o->cache, o->bridge, o->mac, o->model, o->memory, o->vcpus,
			  o->directory, o->wait };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);
	g_strfreev(o->limits);
	g_strfreev(o->words);
}
