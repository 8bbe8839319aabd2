/* SPDX-License-Identifier: Apache-2.0 */
#include "action/request_document.h"

#include <unistd.h>

#include "base/child.h"
#include "conf/paths.h"

enum { STDIN_MS = 2000 };

static bool parse(RequestDocument *d, GError **error)
{
	xmlNode *root;

	d->doc = xml_parse(d->text->str, d->text->len, "stdin", error);
	if (!d->doc)
		return false;
	root = xmlDocGetRootElement(d->doc);
	if (xmlStrEqual(root->name, BAD_CAST "VM"))
		d->vm = root;
	else
		d->vm = xml_child(root, "VM");
	d->datastore = xml_child(root, "DATASTORE");

	return true;
}

RequestDocument *request_document_read(GError **error)
{
	g_autoptr(RequestDocument) d = g_new0(RequestDocument, 1);

	d->text = action_stdin(STDIN_MS, error);
	if (!d->text)
		return NULL;
	if (d->text->len && !parse(d, error))
		return NULL;

	return g_steal_pointer(&d);
}

bool request_document_parse(RequestDocument *d, const char *text, GError **error)
{
	gsize len = 0;

	if (strlen(text) < 2)
		return vmm_fail(error, VMM_ERROR_INPUT, "the request's document is empty");
	g_string_assign(d->text, text);
	if (*text != '<') {
		g_base64_decode_inplace(d->text->str, &len);
		g_string_truncate(d->text, len);
	}

	return parse(d, error);
}

bool request_document_check(const RequestDocument *d, GError **error)
{
	if (d->vm)
		return true;
	vmm_fail(error, VMM_ERROR_INPUT, "stdin: no VM document");
	vmm_error_set_hint(error, "give the request's document, or a VM element");

	return false;
}

void request_document_free(RequestDocument *d)
{
	if (!d)
		return;
	if (d->text)
		g_string_free(d->text, TRUE);
	if (d->doc)
		xmlFreeDoc(d->doc);
	g_free(d);
}

char *request_document_hook(const RequestDocument *d)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-";
	g_autofree char *kind = xml_child_text(d->datastore, "TM_MAD");
	g_autofree char *name = NULL, *path = NULL;

	if (!kind)
		return NULL;
	if (strspn(kind, allowed) != strlen(kind))
		return NULL;
	name = g_strdup_printf("vmm/kvm/%s.%s", action.name, kind);
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

bool request_document_run_hook(const struct action_ctx *ctx, const RequestDocument *d,
			       const char *hook, GError **error)
{
	g_autofree char *name = g_path_get_basename(hook);
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_auto(GStrv) env = conf_kvmrc_environ(ctx->rc);
	g_autoptr(GBytes) input = g_bytes_new(d->text->str, d->text->len);
	struct child_result result = { 0 };
	struct child_spec spec = { .input = input, .env = (const char *const *)env,
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
