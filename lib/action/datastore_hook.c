/* SPDX-License-Identifier: Apache-2.0 */
#include "action/datastore_hook.h"

#include <unistd.h>

#include "base/child.h"
#include "conf/paths.h"
#include "xml/xml.h"

char *datastore_hook_find(const TmplRequest *request, const char *verb)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-";
	g_autofree char *kind = xml_child_text(request->datastore, "TM_MAD");
	g_autofree char *name = NULL, *path = NULL;

	if (!kind)
		return NULL;
	if (strspn(kind, allowed) != strlen(kind))
		return NULL;
	name = g_strdup_printf("vmm/kvm/%s.%s", verb, kind);
	path = conf_path_remotes(name);

	if (access(path, X_OK) == 0)
		return g_steal_pointer(&path);

	return NULL;
}

/* Our own programs end with marks around their message: only the message is wanted. */
static void take_lines(const char *name, GString *err)
{
	g_auto(GStrv) lines = g_strsplit(err->str, "\n", -1);

	g_string_truncate(err, 0);
	for (char **l = lines; *l; l++) {
		if (!**l || g_str_has_prefix(*l, "ERROR MESSAGE -"))
			continue;
		action_log("INFO", "%s: %s", name, *l);
		g_string_append_printf(err, "%s\n", *l);
	}
}

bool datastore_hook_run(const struct action_ctx *ctx, const TmplRequest *request, const char *hook,
			GError **error)
{
	g_autofree char *name = g_path_get_basename(hook);
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_auto(GStrv) env = conf_kvmrc_environ(ctx->rc);
	struct child_result result = { 0 };
	struct child_spec spec = { .input = request->document, .env = (const char *const *)env,
				   .timeout_ms = action_left_ms(ctx, G_MAXINT) };
	bool ok;

	g_ptr_array_add(argv, (char *)hook);
	for (int i = 0; ctx->arg[i]; i++)
		g_ptr_array_add(argv, (char *)ctx->arg[i]);
	g_ptr_array_add(argv, NULL);
	spec.argv = (const char *const *)argv->pdata;
	if (!child_run(&spec, &result, error))
		return false;
	take_lines(name, result.err);
	ok = child_result_check(&result, name, error);
	child_result_clear(&result);

	return ok;
}
