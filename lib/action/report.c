/* SPDX-License-Identifier: Apache-2.0 */
#include "action/report.h"

#include <json-c/json.h>

#include "base/text.h"

int report_exit_status(enum action_outcome outcome, const GError *error)
{
	if (outcome == ACTION_UNKNOWN)
		return 3;
	if (outcome == ACTION_DONE)
		return 0;

	return vmm_error_exit_status(error);
}

char *report_line(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	return text_line(valid, G_MAXSIZE);
}

/* ERROR, with what to do first when the outcome is unknown. */
static GError *advise(enum action_outcome outcome, const GError *error)
{
	static const char look[] = "the outcome is unknown: look at the VM before trying again";
	GError *told = g_error_copy(error);
	const char *hint = vmm_error_hint(error);

	if (outcome == ACTION_UNKNOWN && hint)
		vmm_error_set_hint(&told, "%s; %s", look, hint);
	else if (outcome == ACTION_UNKNOWN)
		vmm_error_set_hint(&told, "%s", look);

	return told;
}

char *report_error(const char *action, enum action_outcome outcome, const GError *error)
{
	g_autoptr(GError) told = advise(outcome, error);
	g_autofree char *message = report_line(error->message);
	g_autofree char *line = vmm_error_line(told);

	return g_strdup_printf("ERROR: %s: %s\n"
			       "ERROR MESSAGE --8<------\n"
			       "%s: %s\n"
			       "ERROR MESSAGE ------>8--\n", action, message, action, line);
}

static void add(json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

char *report_json(const char *action, enum action_outcome outcome, const char *output,
		  const GError *error)
{
	static const char *const outcomes[] = { "done", "failed", "unknown" };
	json_object *all = json_object_new_object(), *e;
	g_autofree char *valid = g_utf8_make_valid(output, -1);
	char *text;

	add(all, "action", action);
	add(all, "outcome", outcomes[outcome]);
	if (error) {
		g_autofree char *line = report_line(error->message);
		g_autoptr(GError) told = advise(outcome, error);
		const char *hint = vmm_error_hint(told);

		e = json_object_new_object();
		add(e, "message", line);
		add(e, "class", vmm_error_class(error));
		json_object_object_add(e, "retry_safe",
				       json_object_new_boolean(outcome == ACTION_FAILED &&
							       vmm_error_retry_safe(error)));
		if (hint)
			add(e, "hint", hint);
		json_object_object_add(all, "error", e);
	} else {
		add(all, "output", g_strchomp(valid));
	}

	text = g_strdup_printf("%s\n",
			       json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);

	return text;
}
