/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_options.h"

#include "base/number.h"
#include "base/program.h"
#include "plan.h"
#include "or_else.h"

/* As oned's users know it: leading digits count, anything else is 0. */
static unsigned lenient(const char *text, unsigned absent)
{
	if (text)
		return (unsigned)MIN(g_ascii_strtoull(text, NULL, 10), (guint64)G_MAXINT);

	return absent;
}

static gboolean on_threads(const char *name G_GNUC_UNUSED, const char *value, gpointer data,
			   GError **error G_GNUC_UNUSED)
{
	struct driver_options *o = data;

	o->threads = MAX(1, lenient(value, 15));	/* with 0 nothing would ever start */
	if (value && !number_unsigned(value, 1, G_MAXINT, NULL, NULL)) {
		g_free(o->bad_threads);
		o->bad_threads = g_strdup(value);
	}

	return TRUE;
}

static gboolean on_retries(const char *name G_GNUC_UNUSED, const char *value, gpointer data,
			   GError **error G_GNUC_UNUSED)
{
	((struct driver_options *)data)->retries = lenient(value, 0);
	return TRUE;
}

static gboolean on_timeout(const char *name G_GNUC_UNUSED, const char *value, gpointer data,
			   GError **error G_GNUC_UNUSED)
{
	((struct driver_options *)data)->timeout_s = lenient(value, 0);
	return TRUE;
}

/* "deploy, poll=poll_ganglia": name in upper case to script or "". */
static void add_list(GHashTable *to, const char *list)
{
	g_auto(GStrv) items = g_strsplit(list, ",", -1);

	for (char **item = items; *item; item++) {
		g_auto(GStrv) pair = g_strsplit(*item, "=", 2);
		const char *name = pair[0] ? g_strstrip(pair[0]) : "";
		const char *script = *name && pair[1] ? g_strstrip(pair[1]) : "";

		if (*name)
			g_hash_table_replace(to, g_ascii_strup(name, -1), g_strdup(script));
	}
}

static gboolean on_local(const char *name G_GNUC_UNUSED, const char *value, gpointer data,
			 GError **error G_GNUC_UNUSED)
{
	add_list(((struct driver_options *)data)->local, value);
	return TRUE;
}

static gboolean on_delegate(const char *name G_GNUC_UNUSED, const char *value, gpointer data,
			    GError **error G_GNUC_UNUSED)
{
	struct driver_options *o = data;

	g_hash_table_remove_all(o->delegate);	/* the list replaces the default */
	add_list(o->delegate, value);

	return TRUE;
}

/*
 * Takes "-pt15" apart as getopt() does, into "-p" "-t" "15": GLib wants the
 * value of a short option as a word of its own.
 */
static void add_word(GPtrArray *words, const char *word)
{
	if (word[0] != '-' || word[1] == '-' || !word[1] || !word[2]) {
		g_ptr_array_add(words, g_strdup(word));
		return;
	}

	for (const char *p = word + 1; *p; p++) {
		g_ptr_array_add(words, g_strdup_printf("-%c", *p));

		if (strchr("trldsw", *p)) {
			if (p[1])
				g_ptr_array_add(words, g_strdup(p + 1));

			return;
		}
	}
}

static char **split_words(int argc, char **argv)
{
	GPtrArray *words = g_ptr_array_new();

	g_ptr_array_add(words, g_strdup(argc ? argv[0] : "one_vmm_exec"));
	for (int i = 1; i < argc; i++) {
		g_auto(GStrv) part = g_strsplit_set(argv[i], " \t\r\n", -1);

		for (char **p = part; *p; p++)
			if (**p)
				add_word(words, *p);
	}

	g_ptr_array_add(words, NULL);

	return (char **)g_ptr_array_free(words, FALSE);
}

struct switches {
	gboolean parallel, help, version, journal, json, follow, plans, check_config;
};

static bool parse_arguments_of(char ***words, struct driver_options *o, struct switches *on,
			       GError **error)
{
	/* clang-format off */
	const GOptionEntry entries[] = {
		{ "threads",  't', G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, on_threads,
		  "Scripts at once here, and actions at once on each host (15)", "N" },
		{ "retries",  'r', G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, on_retries,
		  "Times that a failed direct action (POLL) is run again (0)", "N" },
		{ "local",    'l', 0, G_OPTION_ARG_CALLBACK, on_local,
		  "Actions that run here, not on the host", "ACTION[=SCRIPT],…" },
		{ "delegate", 'd', 0, G_OPTION_ARG_CALLBACK, on_delegate,
		  "Actions whose ssh lends our keys to the host (migrate)", "ACTION,…" },
		{ "shell",    's', 0, G_OPTION_ARG_FILENAME, &o->shell,
		  "Shell of the hosts (bash)", "SHELL" },
		{ "parallel", 'p', 0, G_OPTION_ARG_NONE, &on->parallel,
		  "Several actions at a time on one host", NULL },
		{ "timeout",  'w', G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, on_timeout,
		  "Time limit of each script of the hypervisor, in seconds (none)", "SECONDS" },
		{ "proxy",     0,  0, G_OPTION_ARG_FILENAME, &o->proxy,
		  "http_proxy of the scripts that run here", "URL" },
		{ "name",      0,  0, G_OPTION_ARG_STRING, &o->name,
		  "Name of this driver's journal, when two are started alike", "NAME" },
		{ "journal",   0,  0, G_OPTION_ARG_NONE, &on->journal,
		  "Print what the journals hold that has not ended", NULL },
		{ "json",      0,  0, G_OPTION_ARG_NONE, &on->json,
		  "With --journal: print JSON objects", NULL },
		{ "follow",    0,  0, G_OPTION_ARG_NONE, &on->follow,
		  "With --journal: print it again whenever it has changed", NULL },
		{ "check-config", 0, 0, G_OPTION_ARG_NONE, &on->check_config,
		  "Say what is wrong with the arguments and vmm_exec.cfg, and exit", NULL },
		{ "plans",     0,  0, G_OPTION_ARG_NONE, &on->plans,
		  "Print the steps of each action, what undoes them, and what that must prove",
		  NULL },
		{ "version",  'V', 0, G_OPTION_ARG_NONE, &on->version, "Print the version", NULL },
		{ 0 }
	};
	/* clang-format on */
	g_autoptr(GOptionContext) context = g_option_context_new("HYPERVISOR");
	GOptionGroup *group = g_option_group_new("main", "", "", o, NULL);

	g_option_context_set_summary(context, "Runs the VM actions that OpenNebula's oned writes "
				     "to its standard input; started by oned (VM_MAD).");
	g_option_context_set_description(context, "Example:\n  one_vmm_exec --check-config "
					 "kvm -t 15 -p\n  one_vmm_exec --journal kvm");
	g_option_group_add_entries(group, entries);
	g_option_context_set_main_group(context, group);
	program_add_help(context, &on->help);
	if (!g_option_context_parse_strv(context, words, error))
		return false;
	if (on->help)
		program_print_help(context);

	return true;
}

/* It becomes part of a file's name. */
static bool check_journal_name(const char *name, GError **error)
{
	for (const char *p = or_else(name, "x"); *p; p++)
		if (!g_ascii_isalnum(*p) && !strchr("_-", *p))
			return vmm_fail(error, VMM_ERROR_USAGE, "--name '%s': only letters, "
					"digits, '-' and '_'", name);
	if (name && !*name)
		return vmm_fail(error, VMM_ERROR_USAGE, "--name: no name");

	return true;
}

bool driver_options_parse(int argc, char **argv, struct driver_options *ret, GError **error)
{
	g_auto(GStrv) words = split_words(argc, argv);
	struct switches on = { 0 };

	*ret = (struct driver_options){ .threads = 15, .text = g_strjoinv(" ", words + 1) };
	ret->local = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	ret->delegate = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	add_list(ret->delegate, "migrate");
	if (!parse_arguments_of(&words, ret, &on, error))
		return false;

	ret->parallel = on.parallel;
	if (on.version)
		puts("one_vmm_exec " VMM_VERSION);
	if (on.plans)
		plan_print();

	ret->printed_and_done = on.help || on.version || on.plans;
	ret->journal = on.journal;
	ret->journal_json = on.json;
	ret->journal_follow = on.follow;
	ret->check_config = on.check_config;
	if (ret->printed_and_done)
		return true;
	if ((on.json || on.follow) && !on.journal)
		return vmm_fail(error, VMM_ERROR_USAGE, "--json and --follow belong to --journal");
	if (!ret->shell)
		ret->shell = g_strdup("bash");
	if (!words[1] && !ret->journal && !ret->check_config)
		return vmm_fail(error, VMM_ERROR_USAGE, "no hypervisor is named (\"kvm\")");

	ret->hypervisor = g_strdup(or_else(words[1], "kvm"));
	if (words[1])
		ret->ignored = g_strdup(words[2]);

	return check_journal_name(ret->name, error);
}

void driver_options_clear(struct driver_options *o)
{
	g_clear_pointer(&o->shell, g_free);
	g_clear_pointer(&o->hypervisor, g_free);
	g_clear_pointer(&o->proxy, g_free);
	g_clear_pointer(&o->name, g_free);
	g_clear_pointer(&o->ignored, g_free);
	g_clear_pointer(&o->bad_threads, g_free);
	g_clear_pointer(&o->text, g_free);
	g_clear_pointer(&o->local, g_hash_table_unref);
	g_clear_pointer(&o->delegate, g_hash_table_unref);
}
