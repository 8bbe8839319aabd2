/* SPDX-License-Identifier: Apache-2.0 */
#include "host/root_helper.h"

#include "action/process.h"
#include "base/program.h"
#include "conf/paths.h"
#include "xml/xml.h"

enum { STDIN_MS = 2000 };

char *root_helper_argv(const char *name)
{
	char *own = program_root_copy(name);

	if (own)
		return own;

	return conf_path_remotes(name);
}

xmlDoc *root_helper_vm_document(const char *directory)
{
	g_autofree char *path = g_build_filename(directory, "vm.xml", NULL);
	g_autofree char *text = NULL;
	gsize len;

	if (!g_file_get_contents(path, &text, &len, NULL))
		return NULL;

	return xml_parse(text, len, path, NULL);
}

bool root_helper_needs_vgpu(const xmlNode *vm)
{
	xmlNode *template = xml_child(vm, "TEMPLATE");

	for (xmlNode *n = template ? template->children : NULL; n; n = n->next)
		if (xmlStrEqual(n->name, BAD_CAST "PCI") && xml_child(n, "UUID"))
			return true;
	return false;
}

bool root_helper_vgpu(const struct action_ctx *ctx, const char *verb, const char *directory,
		      GError **error)
{
	g_autofree char *tool = root_helper_argv("vgpu");
	g_autofree char *path = g_build_filename(directory, "vm.xml", NULL);
	const char *words[] = { "-n", tool, verb, path, NULL };
	struct child_result result = { 0 };
	g_autofree char *what = g_strdup_printf("cannot %s the vGPU of %s: vgpu", verb, path);
	bool ok = process_run(ctx, "SUDO", "sudo", words, &result, error) &&
		  child_result_check(&result, what, error);

	child_result_clear(&result);

	return ok;
}

void root_helper_clean_memory(const struct action_ctx *ctx, const char *name, bool wait)
{
	static const char *const words[] = {
		"-n", "/usr/sbin/sysctl", "vm.drop_caches=3", "vm.compact_memory=1", NULL
	};
	g_auto(GStrv) argv = process_argv(ctx, "SUDO", "sudo", words);
	struct child_result result = { 0 };

	if (!conf_kvmrc_bool(ctx->rc, name))
		return;
	if (wait && process_run(ctx, "SUDO", "sudo", words, &result, NULL))
		child_result_clear(&result);
	else if (!wait)		/* in the background */
		child_detach((const char *const *)argv, NULL, NULL);
}

static bool had_vgpu(const char *directory)
{
	g_autoptr(xmlDoc) doc = directory ? root_helper_vm_document(directory) : NULL;

	if (!doc)
		return false;

	return root_helper_needs_vgpu(xmlDocGetRootElement(doc));
}

void root_helper_after_stop(const struct action_ctx *ctx, const char *directory)
{
	g_autoptr(GError) cause = NULL;

	action_on_abort(ACTION_DONE, "%s", "");
	if (had_vgpu(directory) && !root_helper_vgpu(ctx, "delete", directory, &cause))
		action_log("WARN", "%s", cause->message);
	root_helper_clean_memory(ctx, "CLEANUP_MEMORY_ON_STOP", false);
}

char *root_helper_directory_of_request(void)
{
	GString *text = action_stdin(STDIN_MS, NULL);
	g_autoptr(xmlDoc) doc =
		text && text->len ? xml_parse(text->str, text->len, "stdin", NULL) : NULL;
	g_autofree char *file = NULL;

	if (text)
		g_string_free(text, TRUE);
	if (doc)
		file = xml_child_text(xmlDocGetRootElement(doc), "REMOTE_DEPLOYMENT_FILE");

	if (file && g_path_is_absolute(file))
		return g_path_get_dirname(file);

	return NULL;
}
