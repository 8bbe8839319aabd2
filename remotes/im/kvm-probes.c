/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvm-probes - says which of a host's probes monitord-client answers itself, and which it runs.
 *
 * It works on a host, and on the front-end for what is synced from there.
 */
#include <string.h>

#include "base/program.h"
#include "base/text.h"
#include "conf/paths.h"
#include "watch/forecast_program.h"
#include "watch/probe_folder.h"
#include "watch/stock_probe.h"

struct options {
	gboolean help, version, list, record;
	char *hypervisor, *remotes;
};

static const char *const answers[] = {
	[PROBE_BUILT_IN] = "built in",
	[PROBE_OTHER]    = "run",
	[PROBE_EDITED]   = "run: it is not OpenNebula's own, as far as is known",
	[PROBE_OWN]      = "run: of this site",
	[PROBE_OFF]      = "off: not executable",
};

static const char row[] = "%-14s %-28s %s\n";

static GOptionContext *probes_context(struct options *o)
{
	/* clang-format off */
	const GOptionEntry entries[] = {
		{ "list", 'l', 0, G_OPTION_ARG_NONE, &o->list,
		  "List all probes, and who answers each", NULL },
		{ "record", 0, 0, G_OPTION_ARG_NONE, &o->record,
		  "Take probes with OpenNebula's names for its own, as they are now", NULL },
		{ "hypervisor", 0, 0, G_OPTION_ARG_STRING, &o->hypervisor,
		  "Of these hosts: kvm, qemu (kvm)", "NAME" },
		{ "remotes", 0, 0, G_OPTION_ARG_FILENAME, &o->remotes,
		  "The directory of the set (the one this program lies in)", "DIR" },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &o->version, "Print the version", NULL },
		{ 0 }
	};
	/* clang-format on */
	GOptionContext *context = g_option_context_new(NULL);

	g_option_context_set_summary(context, "Says which probes of a host monitord-client answers "
				     "itself, and which it runs.");
	g_option_context_set_description(context, "Exit status: 0 done, 1 failed, 2 wrong usage."
					 "\n\nExample:\n  kvm-probes --list");
	g_option_context_add_main_entries(context, entries, NULL);
	program_add_help(context, &o->help);

	return context;
}

static void list_set(const GPtrArray *probes, enum monitord_set_id id)
{
	for (guint i = 0; i < probes->len; i++) {
		const struct probe *p = probes->pdata[i];

		printf(row, monitord_sets[id].path, p->name, answers[p->kind]);
	}
}

/* Each that is recorded is printed. */
static bool record_set(const GPtrArray *probes, enum monitord_set_id id, GString *out,
		       GError **error)
{
	for (guint i = 0; i < probes->len; i++) {
		const struct probe *p = probes->pdata[i];
		g_autofree char *name = g_build_filename(monitord_sets[id].path, p->name, NULL);

		if (p->kind == PROBE_EDITED && !stock_probe_record(p->path, name, out, error))
			return false;
	}

	return true;
}

/* No probe, but run by one. */
static bool look_at_program(const struct watch_place *place, bool lists, GString *out,
			    GError **error)
{
	g_autofree char *path = forecast_program_path(place);
	bool is_stock = forecast_program_stock(place);

	if (!forecast_program_there(place))
		return true;
	if (lists && is_stock)
		printf(row, "forecasts", "prediction.sh", "run once for all VMs");
	else if (lists)
		printf(row, "forecasts", "prediction.sh", answers[PROBE_EDITED]);

	if (lists || is_stock)
		return true;

	return stock_probe_record(path, FORECAST_PROGRAM, out, error);
}

static bool run(const struct options *o, GError **error)
{
	const char *hypervisor = text_or(o->hypervisor, "kvm");
	g_autofree char *own = conf_path_remotes("");
	const char *set = o->remotes ? o->remotes : own;
	g_autofree char *record = probe_folder_record(set, hypervisor);
	g_autoptr(GString) lines = g_string_new(NULL);
	const char *const argv[] = { hypervisor, NULL };
	const struct watch_place place = { .set = set, .argv = argv };
	bool found = false;

	for (int i = 0; i < SET_STATE_RUN; i++) {
		enum monitord_set_id id = (enum monitord_set_id)i;
		g_autoptr(GPtrArray) probes = probe_folder_list(set, hypervisor, id);

		if (!probes)
			continue;
		found = true;
		if (o->list)
			list_set(probes, id);
		else if (!record_set(probes, id, lines, error))
			return false;
	}

	if (!found)
		return vmm_fail(error, VMM_ERROR_NOT_FOUND,
				"there are no probes of %s below %s: all is built in", hypervisor,
				set);

	if (!look_at_program(&place, o->list, lines, error))
		return false;

	return o->list || stock_probe_keep(record, lines, error);
}

static bool check_wishes(const struct options *o, GError **error)
{
	if (o->list == o->record)
		return vmm_fail(error, VMM_ERROR_USAGE, "either --list or --record");
	if (o->hypervisor && strchr(o->hypervisor, '/'))
		return vmm_fail(error, VMM_ERROR_USAGE, "--hypervisor: '%s' is a path",
				o->hypervisor);

	return true;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	g_autoptr(GOptionContext) context = probes_context(&o);
	g_autoptr(GError) error = NULL;

	program_open_descriptors();
	g_log_writer_default_set_use_stderr(TRUE);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return program_fail("kvm-probes", error);

	if (o.help)
		program_print_help(context);
	else if (o.version)
		puts("vmmexec " VMM_VERSION);
	else if (check_wishes(&o, &error))
		run(&o, &error);
	g_free(o.hypervisor);
	g_free(o.remotes);
	if (error)
		return program_fail("kvm-probes", error);

	return program_end("kvm-probes", 0, 1);
}
