/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error_object.h"

#include <json-c/json.h>

#include "base/text.h"

static void put_text(json_object *object, const char *name, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *line = text_line(valid, G_MAXSIZE);

	json_object_object_add(object, name, json_object_new_string(line));
}

json_object *error_object(const GError *error, bool may_retry)
{
	const char *hint = vmm_error_hint(error);
	json_object *object = json_object_new_object();

	put_text(object, "message", error->message);
	put_text(object, "class", vmm_error_class(error));
	json_object_object_add(object, "retry_safe", json_object_new_boolean(may_retry));
	if (hint)
		put_text(object, "hint", hint);

	return object;
}

void error_object_print(char **argv, const GError *error)
{
	json_object *all;

	if (!g_strv_contains((const char *const *)argv, "--json"))
		return;

	all = json_object_new_object();
	json_object_object_add(all, "outcome", json_object_new_string("failed"));
	json_object_object_add(all, "error", error_object(error, vmm_error_retry_safe(error)));
	puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);
}

/* NULL: there is none, or it is no text. */
static const char *member_text(json_object *object, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	if (!json_object_is_type(value, json_type_string))
		return NULL;

	return json_object_get_string(value);
}

bool error_object_read(json_object *object, GError **error)
{
	const char *message = member_text(object, "message");
	const char *hint = member_text(object, "hint");

	if (!message || !*message)
		return false;

	vmm_fail(error, vmm_error_of_class(member_text(object, "class")), "%s", message);
	if (hint)
		vmm_error_set_hint(error, "%s", hint);

	return true;
}
