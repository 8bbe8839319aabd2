/* SPDX-License-Identifier: Apache-2.0 */
#include "step_context.h"

#include "or_else.h"

void step_context_clear(struct step_context *c)
{
	g_clear_pointer(&c->deploy_info, g_free);
	g_clear_pointer(&c->deployment_id, g_free);
	g_clear_pointer(&c->deployment, g_bytes_unref);
	g_clear_pointer(&c->networks, g_strfreev);
	g_clear_pointer(&c->network_vm, g_bytes_unref);
	g_clear_pointer(&c->vm_base64, g_bytes_unref);
}

/* The script that -l names for KEY, "" for its usual one, NULL: KEY runs on the host. */
const char *step_context_local_script(const struct step_context *c, const char *key)
{
	g_autofree char *upper = g_ascii_strup(key, -1);

	return g_hash_table_lookup(c->settings->options.local, upper);
}

bool step_context_deploys_here(const struct step_context *c)
{
	if (!g_str_equal(c->plan->action, "DEPLOY"))
		return false;

	return step_context_local_script(c, "deploy");
}

char *step_deployment_file(const struct step_context *c)
{
	if (step_context_deploys_here(c))
		return g_strdup(c->request->local_file);

	return g_strdup(c->request->remote_file);
}

const char *step_host(const struct step_context *c, const struct step *step)
{
	const char *host = step->flags & STEP_ON_TARGET ? c->request->migr_host : c->request->host;

	return or_else(host, "");
}
