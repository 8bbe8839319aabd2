/* SPDX-License-Identifier: Apache-2.0 */
#include "action/request_input.h"

#include "base/number.h"

enum { STDIN_MS = 2000 };

/* Takes TEXT. */
static TmplRequest *request_of(GString *text, GError **error)
{
	g_autoptr(GBytes) document = g_string_free_to_bytes(text);

	return tmpl_request_of_input(document, "stdin", error);
}

TmplRequest *request_input_read(GError **error)
{
	GString *text = action_stdin(STDIN_MS, error);

	if (!text)
		return NULL;

	return request_of(text, error);
}

TmplRequest *request_input_of_operand(const char *operand, GError **error)
{
	GString *text;
	gsize len = 0;

	if (strlen(operand) < 2) {
		vmm_fail(error, VMM_ERROR_INPUT, "the request's document is empty");
		return NULL;
	}

	text = g_string_new(operand);
	if (*operand != '<') {
		g_base64_decode_inplace(text->str, &len);
		g_string_truncate(text, len);
	}

	return request_of(text, error);
}

bool request_input_check(const TmplRequest *request, GError **error)
{
	if (request->vm)
		return true;
	vmm_fail(error, VMM_ERROR_INPUT, "stdin: no VM document");
	vmm_error_set_hint(error, "give the request's document, or a VM element");

	return false;
}

bool request_input_age(gint64 *ret, GError **error)
{
	const char *age = g_getenv("VMM_REQUEST_AGE");

	*ret = -1;
	if (!age || number_signed(age, 0, G_MAXINT32, ret, NULL))
		return true;

	return vmm_fail(error, VMM_ERROR_USAGE, "VMM_REQUEST_AGE: '%s' is not a number of seconds",
			age);
}
