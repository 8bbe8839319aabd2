/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_check - says whether this host is fit for KVM guests, and what to type where it is not.
 *
 * It has a main() of its own: the one of actions links libvirt, which a bare host has not yet.
 */
#include "base/file.h"
#include "base/program.h"
#include "check/check_report.h"
#include "conf/kvmrc.h"
#include "conf/paths.h"

enum { LIMIT_MS = 20000 };

struct options {
	gboolean help, version, json, facts, dry_run;
	char *type, *arch, *require, *only, *uri;
	char *capabilities, *domcapabilities, *vm, *sysroot, *storage;
	char **peers;
	int timeout_s;
};

static GOptionContext *option_context(struct options *o)
{
	/* clang-format off */
	const GOptionEntry entries[] = {
		{ "json", 'j', 0, G_OPTION_ARG_NONE, &o->json, "Print one JSON object", NULL },
		{ "facts", 0, 0, G_OPTION_ARG_NONE, &o->facts,
		  "Print NAME=\"VALUE\" lines for OpenNebula's host template", NULL },
		{ "only", 0, 0, G_OPTION_ARG_STRING, &o->only, "These checks alone", "IDS" },
		{ "require", 0, 0, G_OPTION_ARG_STRING, &o->require,
		  "Checks that must be OK, such as nested,sev", "IDS" },
		{ "type", 0, 0, G_OPTION_ARG_STRING, &o->type,
		  "Type of the guests, kvm or qemu (kvm)", "TYPE" },
		{ "arch", 0, 0, G_OPTION_ARG_STRING, &o->arch,
		  "Architecture of the guests (the host's)", "ARCH" },
		{ "vm", 0, 0, G_OPTION_ARG_FILENAME, &o->vm,
		  "Also: could this VM run here? \"-\" is stdin", "FILE" },
		{ "storage", 0, 0, G_OPTION_ARG_STRING, &o->storage,
		  "Also: are these there? lvm:GROUP or rbd:POOL[:USER], with commas", "LIST" },
		{ "peer", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->peers,
		  "Also: can guests move to this host? May be repeated", "NAME" },
		{ "timeout", 't', 0, G_OPTION_ARG_INT, &o->timeout_s,
		  "How long libvirt, a chip, a storage, a peer may take (20)", "SECONDS" },
		{ "connect", 'c', 0, G_OPTION_ARG_FILENAME, &o->uri,
		  "Use this libvirt instead of LIBVIRT_URI in kvmrc", "URI" },
		{ "sysroot", 0, 0, G_OPTION_ARG_FILENAME, &o->sysroot,
		  "Read the files of another host from here; devices and libvirt are not asked",
		  "DIR" },
		{ "capabilities", 0, 0, G_OPTION_ARG_FILENAME, &o->capabilities,
		  "Read this, of \"virsh capabilities\", instead of asking libvirt", "FILE" },
		{ "domcapabilities", 0, 0, G_OPTION_ARG_FILENAME, &o->domcapabilities,
		  "The same for \"virsh domcapabilities\"", "FILE" },
		{ "dry-run", 'n', 0, G_OPTION_ARG_NONE, &o->dry_run,
		  "Changes nothing, as always", NULL },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &o->version, "Print the version", NULL },
		{ 0 }
	};
	/* clang-format on */
	GOptionContext *context = g_option_context_new(NULL);

	g_option_context_set_summary(context, "Checks whether this host is fit for KVM guests. "
				     "Changes nothing: commands are printed, not run.");
	g_option_context_set_description(context, "Exit status: 0 fit, 1 not fit, 2 wrong usage, "
					 "3 could not tell.\n\nExample:\n"
					 "  host_check --only kvm-device");
	g_option_context_add_main_entries(context, entries, NULL);
	program_add_help(context, &o->help);

	return context;
}

static bool check_options(struct options *o, GError **error)
{
	if (!o->type)
		o->type = g_strdup("kvm");
	if (!g_str_equal(o->type, "kvm") && !g_str_equal(o->type, "qemu"))
		return vmm_fail(error, VMM_ERROR_USAGE, "--type: '%s' is not kvm or qemu", o->type);
	if (o->timeout_s < 1 || o->timeout_s > 3600)
		return vmm_fail(error, VMM_ERROR_USAGE, "--timeout: %d is not from 1 to 3600",
				o->timeout_s);
	if (o->json && o->facts)
		return vmm_fail(error, VMM_ERROR_USAGE, "--json and --facts exclude each other");
	if (o->sysroot && !g_file_test(o->sysroot, G_FILE_TEST_IS_DIR))
		return vmm_fail(error, VMM_ERROR_USAGE, "--sysroot: '%s' is not a directory",
				o->sysroot);

	return true;
}

static int encrypted_limit(const ConfKvmrc *rc)
{
	const char *text = conf_kvmrc_string(rc, "NUM_MEMORY_ENCRYPTED_GUESTS");

	return text ? (int)g_ascii_strtoll(text, NULL, 10) : -1;
}

/* What SOURCE and WISH ask for is found out, judged and printed; the exit status. */
static int check(const struct options *o, const struct facts_source *source,
		 const struct check_wish *wish, GError **error)
{
	g_autoptr(HostFacts) facts = facts_new(source, error);
	g_autoptr(GPtrArray) results = NULL;
	g_autofree char *text = NULL;
	enum check_format format = CHECK_TEXT;

	if (!facts)
		return 2;

	if (o->json)
		format = CHECK_JSON;
	else if (o->facts)
		format = CHECK_FACTS;
	results = check_host(facts, wish);
	text = check_report(results, facts, format);
	fputs(text, stdout);

	return check_exit_status(results);
}

static int run(struct options *o, GError **error)
{
	g_autofree char *path = conf_path_kvmrc();
	g_autofree char *set = conf_path_remotes("");
	g_autoptr(ConfKvmrc) rc = conf_kvmrc_load(path);
	g_auto(GStrv) only = NULL, require = NULL;
	g_auto(GStrv) storage = o->storage ? g_strsplit(o->storage, ",", -1) : NULL;
	struct facts_source source = {
		.root = o->sysroot, .type = o->type, .arch = o->arch,
		.uri = o->uri ? o->uri : conf_kvmrc_string(rc, "LIBVIRT_URI"),
		.capabilities = o->capabilities, .domcapabilities = o->domcapabilities,
		.vm = o->vm, .cpu_models = conf_kvmrc_string(rc, "CPU_MODELS"),
		.cpu_features = conf_kvmrc_string(rc, "CPU_FEATURES"),
		.encrypted_limit = encrypted_limit(rc),
		.storage = (const char *const *)storage, .peers = (const char *const *)o->peers,
		.protocol = conf_kvmrc_string(rc, "QEMU_PROTOCOL"), .set_directory = set,
		.limit_ms = (unsigned)o->timeout_s * 1000,
	};
	struct check_wish wish = { .type = o->type, .arch = o->arch };

	if (o->only && !(only = check_ids(o->only, error)))
		return 2;
	if (o->require && !(require = check_ids(o->require, error)))
		return 2;
	if (!facts_check_storage(source.storage, error))
		return 2;

	wish.only = (const char *const *)only;
	wish.require = (const char *const *)require;

	return check(o, &source, &wish, error);
}

static void free_options(struct options *o)
{
	char *texts[] = { o->type, o->arch, o->require, o->only, o->uri, o->capabilities,
			  o->domcapabilities, o->vm, o->sysroot, o->storage };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);
	g_strfreev(o->peers);
}

int main(int argc, char **argv)
{
	struct options o = { .timeout_s = LIMIT_MS / 1000 };
	g_autoptr(GOptionContext) context = option_context(&o);
	g_autoptr(GError) error = NULL;
	int status = 0;

	program_open_descriptors();
	g_log_writer_default_set_use_stderr(TRUE);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return program_fail("host_check", error);

	if (o.help)
		program_print_help(context);
	else if (o.version)
		puts("vmmexec " VMM_VERSION);
	else if (program_takes_no_words(argc, argv, &error) && check_options(&o, &error))
		status = run(&o, &error);
	free_options(&o);
	if (!error)
		return program_end("host_check", status, 3);

	program_fail("host_check", error);

	return 2;
}
