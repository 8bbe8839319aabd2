/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/build_domain.h"

#include "conf/paths.h"
#include "domain/domain.h"
#include "template/defaults.h"

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

xmlDoc *build_domain_xml(const struct action_ctx *ctx, const GString *text, const char *conf,
			 TmplVm **ret_vm, GError **error)
{
	struct domain_options options = { .now = g_get_real_time() / G_USEC_PER_SEC,
					  .fits = true };
	g_autoptr(xmlDoc) doc = xml_parse(text->str, text->len, "stdin", error);
	g_autoptr(TmplVm) vm = doc ? tmpl_vm_of_document(doc, "stdin", error) : NULL;
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *xml = NULL;

	options.policy = build_domain_policy(error);
	if (!options.policy)
		return NULL;
	if (ctx->conn)
		virConnectGetLibVersion(ctx->conn, &options.libvirt);
	if (!vm)
		return NULL;
	if (!add_defaults(vm, conf, warnings, error))
		return NULL;
	tmpl_vm_check(vm, warnings);
	xml = domain_xml(vm, &options, warnings, error);
	for (guint i = 0; i < warnings->len; i++)
		action_log("WARN", "%s", (const char *)warnings->pdata[i]);

	if (!xml)
		return NULL;
	*ret_vm = g_steal_pointer(&vm);

	return xml_parse(xml, strlen(xml), "domain", error);
}
