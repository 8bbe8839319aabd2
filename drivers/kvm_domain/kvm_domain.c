/* SPDX-License-Identifier: Apache-2.0 */
/* kvm_domain - prints the libvirt domain XML of a VM document. */
#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "base/program.h"
#include "base/text.h"
#include "conf/cfg.h"
#include "conf/paths.h"
#include "domain/domain.h"
#include "fit_document.h"
#include "template/defaults.h"
#include "xml/xml.h"

#define DEFAULT_CONF "vmm_exec/vmm_exec_kvm.conf"
#define DEFAULT_CONFIG "vmm_exec/vmm_exec.cfg"
#define DOCUMENT_MAX_BYTES (16 << 20)

struct arguments {
	char *conf, *config, *host, *cluster, *datastore, *type, *one_version, *libvirt;
	char *check_conf;
	char *capabilities, *domcapabilities, *kvmrc, *cpu_map;
	char **files;
	gboolean check, force, explain, help, version;
};

static const char summary[] =
	"Prints the libvirt domain XML of a VM document (OpenNebula's VM, or the data of a\n"
	"driver action) read from a file or from standard input. SOURCE_DATE_EPOCH replaces\n"
	"the clock.";

static const char help_end[] =
	"Exit status: 0 done, 1 the VM cannot be built, 2 wrong usage.\n"
	"\n"
	"Example:\n"
	"  kvm-domain --explain vm.xml";

/* Refuses contradictory options before anything is read. */
static bool check_arguments(const struct arguments *a, GError **error)
{
	if (a->files && g_strv_length(a->files) > 1)
		return vmm_fail(error, VMM_ERROR_USAGE, "more than one VM document");
	if (a->force && (a->check || a->explain || a->capabilities))
		return vmm_fail(error, VMM_ERROR_USAGE, "--force prints what was built: not with "
				"--check, --explain or --capabilities");
	if (!a->capabilities != !a->domcapabilities)
		return vmm_fail(error, VMM_ERROR_USAGE, "--capabilities and --domcapabilities "
				"belong together");
	if (a->capabilities && a->explain)
		return vmm_fail(error, VMM_ERROR_USAGE, "--explain says where values come from, "
				"not how a host changes them");
	if (a->type && strcmp(a->type, "kvm") && strcmp(a->type, "qemu"))
		return vmm_fail(error, VMM_ERROR_USAGE, "--type %s: not kvm or qemu", a->type);

	return true;
}

static bool parse_arguments(int *argc, char ***argv, struct arguments *a, GError **error)
{
	const GOptionEntry entries[] = {
		{ "conf", 'c', 0, G_OPTION_ARG_FILENAME, &a->conf, "The defaults file", "FILE" },
		{ "config", 0, 0, G_OPTION_ARG_FILENAME, &a->config,
		  "vmm_exec.cfg: what VMs may ask of their hosts", "FILE" },
		{ "host", 0, 0, G_OPTION_ARG_FILENAME, &a->host, "The host's document", "FILE" },
		{ "cluster", 0, 0, G_OPTION_ARG_FILENAME, &a->cluster, "The cluster's document",
		  "FILE" },
		{ "datastore", 0, 0, G_OPTION_ARG_FILENAME, &a->datastore,
		  "The system datastore's document", "FILE" },
		{ "type", 't', 0, G_OPTION_ARG_FILENAME, &a->type,
		  "kvm or qemu (default: the VM_MAD of the VM's last history record)", "TYPE" },
		{ "one-version", 0, 0, G_OPTION_ARG_FILENAME, &a->one_version,
		  "OpenNebula's version, for the metadata", "V" },
		{ "libvirt", 0, 0, G_OPTION_ARG_FILENAME, &a->libvirt,
		  "The host's libvirt, as 9.2.0: newer XML may be used", "V" },
		{ "check-conf", 0, 0, G_OPTION_ARG_FILENAME, &a->check_conf,
		  "Only check a defaults file", "FILE" },
		{ "check", 0, 0, G_OPTION_ARG_NONE, &a->check,
		  "List all that is wrong with the VM, a line each, and make nothing", NULL },
		{ "force", 0, 0, G_OPTION_ARG_NONE, &a->force,
		  "Print the domain although something is wrong with the VM; list that as --check "
		  "does, and exit with 1", NULL },
		{ "explain", 0, 0, G_OPTION_ARG_NONE, &a->explain,
		  "Print a table instead: each place of the domain, its value, and the attribute "
		  "and level it comes from", NULL },
		{ "capabilities", 0, 0, G_OPTION_ARG_FILENAME, &a->capabilities,
		  "Fit the domain to the host of which virsh capabilities says this", "FILE" },
		{ "domcapabilities", 0, 0, G_OPTION_ARG_FILENAME, &a->domcapabilities,
		  "And virsh domcapabilities, for this type, machine and emulator", "FILE" },
		{ "kvmrc", 0, 0, G_OPTION_ARG_FILENAME, &a->kvmrc, "And its kvmrc", "FILE" },
		{ "cpu-map", 0, 0, G_OPTION_ARG_FILENAME, &a->cpu_map,
		  "And its " FIT_CPU_MAP_DIRECTORY " (default: the one here)", "DIRECTORY" },
		{ "version", 0, 0, G_OPTION_ARG_NONE, &a->version, "Print the version", NULL },
		{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &a->files, NULL, NULL },
		{ 0 }
	};
	g_autoptr(GOptionContext) context = g_option_context_new("[VM.xml|-]");

	g_option_context_set_summary(context, summary);
	g_option_context_set_description(context, help_end);
	program_add_help(context, &a->help);
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, error))
		return false;
	if (a->help)
		program_print_help(context);

	return check_arguments(a, error);
}

static void free_arguments(struct arguments *a)
{
	char *texts[] = { a->conf, a->config,      a->host,    a->cluster,   a->datastore,
			  a->type, a->one_version, a->libvirt, a->check_conf, a->capabilities,
			  a->domcapabilities, a->kvmrc, a->cpu_map };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);

	g_strfreev(a->files);
}

/* Bounded: any program may call us, with any document. */
static xmlDoc *read_document(const char *path, GError **error)
{
	bool input = !strcmp(path, "-");
	const char *name = input ? "standard input" : path;
	GString *text = input ? file_read_fd(STDIN_FILENO, DOCUMENT_MAX_BYTES, name, error) :
				file_read(path, DOCUMENT_MAX_BYTES, error);
	xmlDoc *doc;

	if (!text)
		return NULL;

	doc = xml_parse(text->str, text->len, name, error);
	g_string_free(text, TRUE);

	return doc;
}

typedef bool set_func(TmplVm *vm, const xmlNode *object, GError **error);

static bool set_host(TmplVm *vm, const xmlNode *object, GError **error)
{
	return tmpl_vm_set_object(vm, TMPL_HOST, object, error);
}

static bool set_cluster(TmplVm *vm, const xmlNode *object, GError **error)
{
	return tmpl_vm_set_object(vm, TMPL_CLUSTER, object, error);
}

/* PATH may be NULL: then there is nothing to add. */
static bool add_object(TmplVm *vm, set_func *set, const char *path, GError **error)
{
	g_autoptr(xmlDoc) doc = path ? read_document(path, error) : NULL;

	if (!path)
		return true;
	if (!doc)
		return false;
	if (set(vm, xmlDocGetRootElement(doc), error))
		return true;

	g_prefix_error(error, "%s: ", path);

	return false;
}

/* The document may be a VM, or the request that a driver action gets. */
static TmplVm *read_vm(const char *path, GError **error)
{
	g_autoptr(xmlDoc) doc = read_document(path, error);

	if (doc)
		return tmpl_vm_of_document(doc, strcmp(path, "-") ? path : "standard input", error);

	return NULL;
}

/* The default file may be missing on a host that has no front-end. */
static bool add_conf(TmplVm *vm, const char *path, GPtrArray *warnings, GError **error)
{
	g_autofree char *standard = conf_path_etc(DEFAULT_CONF);
	TmplSet *set;

	if (!path && access(standard, F_OK) < 0 && errno == ENOENT) {
		g_ptr_array_add(warnings,
				g_strdup_printf("no defaults file %s: no defaults", standard));
		return true;
	}

	set = tmpl_defaults_read(path ? path : standard, error);
	if (!set)
		return false;

	tmpl_vm_set_level(vm, TMPL_CONF, set);

	return tmpl_defaults_check(set, warnings, error);
}

/* The VM's clock may depend on the day: a test, or a build, fixes it. */
static bool read_clock(gint64 *now, GError **error)
{
	const char *epoch = g_getenv("SOURCE_DATE_EPOCH");

	*now = g_get_real_time() / G_USEC_PER_SEC;
	if (!epoch)
		return true;
	if (number_signed(epoch, 0, G_MAXINT64, now, NULL))
		return true;

	return vmm_fail(error, VMM_ERROR_USAGE, "SOURCE_DATE_EPOCH = '%s': not seconds", epoch);
}

/* One to three numbers; what is left out is 0. */
static bool read_libvirt(const char *text, unsigned long *ret, GError **error)
{
	unsigned long part[3] = { 0 };
	g_auto(GStrv) words = g_strsplit(text_or(text, "0"), ".", -1);
	guint n = g_strv_length(words);

	for (guint i = 0; i < n && i < G_N_ELEMENTS(part); i++) {
		guint64 value;

		if (n > G_N_ELEMENTS(part) || !number_unsigned(words[i], 0, 999, &value, NULL))
			return vmm_fail(error, VMM_ERROR_USAGE,
					"--libvirt %s: not a version as 9.2.0", text);
		part[i] = value;
	}

	*ret = DOMAIN_LIBVIRT(part[0], part[1], part[2]);
	return true;
}

/* A file that was named must be there; the standard one may be missing. */
static ConfCfg *read_config(const char *path, GError **error)
{
	g_autofree char *standard = conf_path_etc(DEFAULT_CONFIG);

	if (path && access(path, R_OK) < 0) {
		vmm_fail_errno(error, errno, "%s", path);
		return NULL;
	}

	return conf_cfg_load(path ? path : standard, error);
}

/* Reports all faults at once, so that nobody has to correct a template one fault after another. */
static bool check_document(const TmplVm *vm, const struct domain_options *options,
			   GPtrArray *warnings, GError **error)
{
	g_autoptr(GPtrArray) problems = domain_check(vm, options, warnings);

	for (guint i = 0; i < problems->len; i++)
		fprintf(stderr, "kvm-domain: error: %s\n", (const char *)problems->pdata[i]);

	if (!problems->len)
		return true;

	return vmm_fail(error, VMM_ERROR_INPUT, "VM %s: %u errors", tmpl_vm_header(vm, "ID"),
			problems->len);
}

/* The domain XML as it is on the host that the arguments describe. */
static char *fit_xml(const struct arguments *a, const TmplVm *vm, const char *xml,
		     GPtrArray *warnings, GError **error)
{
	g_autoptr(xmlDoc) caps = read_document(a->capabilities, error), domcaps = NULL;
	const char *kvmrc = text_or(a->kvmrc, "/dev/null");
	const char *map = a->cpu_map ? a->cpu_map : FIT_CPU_MAP_DIRECTORY;
	g_autoptr(ConfKvmrc) rc = NULL;

	if (!caps)
		return NULL;
	domcaps = read_document(a->domcapabilities, error);
	if (!domcaps)
		return NULL;
	rc = conf_kvmrc_load_named(kvmrc, error);
	if (!rc)
		return NULL;
	for (const char *const *w = conf_kvmrc_warnings(rc); *w; w++)
		g_ptr_array_add(warnings, g_strdup(*w));
	const struct fit_input in = { .vm = vm, .rc = rc, .built = true,
				      .capabilities = xmlDocGetRootElement(caps),
				      .domcapabilities = xmlDocGetRootElement(domcaps) };

	return fit_document(xml, &in, map, error);
}

/* Prints the domain even if the VM has faults, and then fails with these. */
static bool print_unchecked(const TmplVm *vm, const struct domain_options *options,
			    GPtrArray *warnings, GError **error)
{
	g_autofree char *xml = domain_xml_unchecked(vm, options);

	fputs(xml, stdout);

	return check_document(vm, options, warnings, error);
}

/* The VM with all documents that complete it; NULL with ERROR set. tmpl_vm_free(). */
static TmplVm *read_completed(const struct arguments *a, GPtrArray *warnings, GError **error)
{
	g_autoptr(TmplVm) vm = read_vm(a->files ? a->files[0] : "-", error);

	if (!vm)
		return NULL;
	if (!add_object(vm, set_host, a->host, error))
		return NULL;
	if (!add_object(vm, set_cluster, a->cluster, error))
		return NULL;
	if (!add_object(vm, tmpl_vm_set_datastore, a->datastore, error))
		return NULL;
	if (!add_conf(vm, a->conf, warnings, error))
		return NULL;
	tmpl_vm_check(vm, warnings);

	return g_steal_pointer(&vm);
}

/* What is to be printed for VM: its domain, fitted if a host is given, or what made each place. */
static char *result_of(const struct arguments *a, TmplVm *vm, const struct domain_options *options,
		       GPtrArray *warnings, GError **error)
{
	g_autofree char *built = NULL;

	if (a->explain)
		return domain_explain(vm, options, error);

	built = domain_xml(vm, options, warnings, error);
	if (!built || !a->capabilities)
		return g_steal_pointer(&built);

	return fit_xml(a, vm, built, warnings, error);
}

static bool convert(const struct arguments *a, GPtrArray *warnings, GError **error)
{
	struct domain_options options = { .type = a->type, .one_version = a->one_version,
					  .fits = a->capabilities };
	g_autoptr(ConfCfg) config = read_config(a->config, error);
	struct domain_policy policy;
	g_autoptr(TmplVm) vm = NULL;
	g_autofree char *result = NULL;

	if (!config)
		return false;
	if (!read_clock(&options.now, error))
		return false;
	if (!read_libvirt(a->libvirt, &options.libvirt, error))
		return false;
	policy = domain_policy_of(config);
	options.policy = &policy;
	vm = read_completed(a, warnings, error);
	if (!vm)
		return false;

	if (a->force)
		return print_unchecked(vm, &options, warnings, error);
	if (a->check && !check_document(vm, &options, warnings, error))
		return false;
	if (a->check && !a->capabilities)
		return true;

	result = result_of(a, vm, &options, warnings, error);
	if (!result)
		return false;
	if (a->check)
		return true;

	fputs(result, stdout);

	return true;
}

/* For an administrator who edits vmm_exec_kvm.conf: faults and doubts, without a VM. */
static bool check_defaults(const char *path, GPtrArray *warnings, GError **error)
{
	g_autoptr(TmplSet) set = tmpl_defaults_read(path, error);

	if (!set)
		return false;

	return tmpl_defaults_check(set, warnings, error);
}

int main(int argc, char **argv)
{
	struct arguments a = { 0 };
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	bool done;

	program_open_descriptors();
	g_log_writer_default_set_use_stderr(TRUE);
	done = parse_arguments(&argc, &argv, &a, &error);
	if (done && a.help)
		;	/* that was all */
	else if (done && a.version)
		puts("kvm-domain " VMM_VERSION);
	else if (done && a.check_conf)
		done = check_defaults(a.check_conf, warnings, &error);
	else if (done)
		done = convert(&a, warnings, &error);

	for (guint i = 0; (done || a.check || a.check_conf) && i < warnings->len; i++)
		fprintf(stderr, "kvm-domain: warning: %s\n",
			(char *)g_ptr_array_index(warnings, i));
	free_arguments(&a);

	/* A full disk behind a redirection is a failure, not half a domain. */
	if (done)
		return program_end("kvm-domain", 0, 1);

	return program_fail("kvm-domain", error);
}
