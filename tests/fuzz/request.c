/* SPDX-License-Identifier: Apache-2.0 */
#include "template/request.h"
#include "xml/xml.h"
#include "wire/oned_line.h"
#include "wire/script_stderr.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

/* What is read without a tree is what a tree has. */
static void check_same(const TmplRequest *r, const guint8 *data, size_t size)
{
	g_autoptr(xmlDoc) doc = xml_parse((const char *)data, size, "request", NULL);
	const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	g_autofree char *host = xml_child_text(root, "HOST");
	g_autofree char *commands = xml_child_text(root, "TM_COMMAND");

	g_assert_true(!r == (!root || !xmlStrEqual(root->name, BAD_CAST "VMM_DRIVER_ACTION_DATA")));
	g_assert_true(!r || (!g_strcmp0(r->host, host) && !g_strcmp0(r->tm_command, commands)));
}

/* The input is a line from oned, a request document and a script's stderr at once. */
int LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(GBytes) bytes = g_bytes_new(data, size);
	g_autoptr(TmplRequest) request = tmpl_request_parse(bytes, NULL);
	g_autofree char *host = tmpl_request_peek_host(bytes);
	g_autofree char *why = script_stderr_reason(text, 1, 200, NULL, NULL);
	struct oned_line line = { 0 };

	g_assert_true(strlen(why) <= 200 && !strpbrk(why, "\n\r"));
	g_assert_true(!host || (*host && strlen(host) <= size));
	if (oned_line_parse(text, &line, NULL))
		oned_line_clear(&line);
	if (request && !tmpl_request_complete(request, NULL))
		g_clear_pointer(&request, tmpl_request_free);
	check_same(request, data, size);
	if (request) {
		g_autofree char *vm = tmpl_request_network_vm(request);
		g_autofree char *element = tmpl_request_element(request, "VM");
		g_auto(GStrv) drivers = tmpl_request_network_drivers(request);

		g_assert_true(g_str_has_prefix(vm, "<VM"));
		g_assert_true(!*element || g_str_has_prefix(element, "<VM"));
		for (char **d = drivers; *d; d++)
			g_assert_true(!g_strv_contains((const char *const *)d + 1, *d));
	}
	return 0;
}
