/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/build_domain.h"

#include <unistd.h>

#include "base/file.h"
#include "conf/paths.h"
#include "domain/domain.h"
#include "domain/from_oned.h"
#include "template/defaults.h"

#define SET_DEFAULTS "etc/vmm/kvm/vmm_exec_kvm.conf"

static bool add_defaults(TmplVm *vm, const char *conf, GPtrArray *warnings, GError **error)
{
	TmplSet *set;

	if (!conf)
		return true;
	set = tmpl_defaults_read(conf, error);
	if (!set)
		return false;
	tmpl_vm_set_level(vm, TMPL_CONF, set);

	return tmpl_defaults_check(set, warnings, error);
}

const struct domain_policy *build_domain_policy(GError **error)
{
	static ConfCfg *config;		/* as long as the process */
	static struct domain_policy policy;
	g_autofree char *path = conf_path_etc("vmm_exec/vmm_exec.cfg");

	if (config)
		return &policy;
	config = conf_cfg_load(path, error);
	if (!config)
		return NULL;
	policy = domain_policy_of(config);

	return &policy;
}

static void log_warnings(const GPtrArray *warnings)
{
	for (guint i = 0; i < warnings->len; i++)
		action_log("WARN", "%s", (const char *)warnings->pdata[i]);
}

/* All that libvirt's schemas say on this host; NULL: they are not there. As long as the process. */
static const char *host_schemas(const struct domain_policy *policy)
{
	static const char *const files[] = { "domaincommon.rng", "cputypes.rng" };
	static char *text;
	g_autofree char *directory = g_path_get_dirname(policy->schema);
	GString *all;

	if (text)
		return text;
	all = g_string_new(NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_build_filename(directory, files[i], NULL);
		g_autofree char *one = NULL;

		if (!g_file_get_contents(path, &one, NULL, NULL)) {
			g_string_free(all, TRUE);
			return NULL;
		}

		g_string_append(all, one);
	}

	text = g_string_free(all, FALSE);

	return text;
}

static bool host_options(const struct action_ctx *ctx, struct domain_options *options,
			 GError **error)
{
	*options = (struct domain_options){ .now = g_get_real_time() / G_USEC_PER_SEC,
					    .fits = true };
	options->policy = build_domain_policy(error);
	if (!options->policy)
		return false;
	options->schemas = host_schemas(options->policy);
	if (ctx->conn)
		virConnectGetLibVersion(ctx->conn, &options->libvirt);

	return true;
}

xmlDoc *build_domain_xml(const struct action_ctx *ctx, const GString *text, const char *conf,
			 TmplVm **ret_vm, GError **error)
{
	struct domain_options options;
	g_autoptr(xmlDoc) doc = xml_parse(text->str, text->len, "stdin", error);
	g_autoptr(TmplVm) vm = doc ? tmpl_vm_of_document(doc, "stdin", error) : NULL;
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *xml = NULL;

	if (!vm || !host_options(ctx, &options, error))
		return NULL;
	if (!add_defaults(vm, conf, warnings, error))
		return NULL;
	tmpl_vm_check(vm, warnings);
	xml = domain_xml(vm, &options, warnings, error);
	log_warnings(warnings);
	if (!xml)
		return NULL;
	*ret_vm = g_steal_pointer(&vm);

	return xml_parse(xml, strlen(xml), "domain", error);
}

/* The file that an administrator has put into the set; without one the XML of oned says it all. */
static bool add_set_defaults(TmplVm *vm, GPtrArray *warnings, GError **error)
{
	g_autofree char *path = conf_path_remotes(SET_DEFAULTS);

	if (access(path, F_OK) < 0)
		return true;

	return add_defaults(vm, path, warnings, error);
}

/* ds.xml, which is written beside vm.xml; a VM in a datastore that needs nothing said has none. */
static bool add_datastore(TmplVm *vm, const char *directory, GError **error)
{
	g_autofree char *path = g_build_filename(directory, "ds.xml", NULL);
	g_autofree char *text = NULL;
	g_autoptr(xmlDoc) doc = NULL;
	gsize len;

	if (vm->datastore || !g_file_get_contents(path, &text, &len, NULL) || !len)
		return true;
	doc = xml_parse(text, len, path, error);

	if (!doc)
		return false;

	return tmpl_vm_set_datastore(vm, xmlDocGetRootElement(doc), error);
}

static bool is_of_domain(const TmplVm *vm, xmlDoc *doc)
{
	g_autofree char *wanted = g_strconcat("one-", tmpl_vm_header(vm, "ID"), NULL);
	g_autofree char *name = xml_child_text(xmlDocGetRootElement(doc), "name");

	return !g_strcmp0(name, wanted);
}

static bool build_instead(const struct action_ctx *ctx, TmplVm *vm, const char *directory,
			  xmlDoc **doc, GPtrArray *changes, GError **error)
{
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	const struct oned_notes notes = { warnings, changes };
	struct domain_options options;
	xmlDoc *made = NULL;
	bool done;

	if (!host_options(ctx, &options, error))
		return false;
	if (!add_set_defaults(vm, warnings, error))
		return false;
	if (!add_datastore(vm, directory, error))
		return false;
	tmpl_vm_check(vm, warnings);
	done = domain_from_oned(vm, xmlDocGetRootElement(*doc), &options, &notes, &made, error);
	log_warnings(warnings);
	if (made) {
		xmlFreeDoc(*doc);
		*doc = made;
	}

	return done;
}

bool build_domain_again(const struct action_ctx *ctx, TmplVm *vm, const char *directory,
			xmlDoc **doc, GPtrArray *changes, GError **error)
{
	if (g_ascii_strcasecmp(conf_kvmrc_string(ctx->rc, "DEPLOY_FROM"), "vm") != 0)
		return true;
	if (!vm || !is_of_domain(vm, *doc)) {
		action_log("WARN", "DEPLOY_FROM = vm: oned's XML is used: %s/vm.xml is %s",
			   directory, vm ? "of another VM" : "not there, or no VM document");
		return true;
	}

	if (build_instead(ctx, vm, directory, doc, changes, error))
		return true;
	g_prefix_error(error, "DEPLOY_FROM = vm: ");
	vmm_error_set_hint(error, "correct the VM, or take oned's XML: DEPLOY_FROM=file in kvmrc");

	return false;
}
