#include "action/report.h"

#include <json-c/json.h>

int report_exit_status(enum action_outcome outcome, const GError *error)
{
	if (outcome == ACTION_UNKNOWN)
		return 3;
	return outcome == ACTION_DONE ? 0 : vmm_error_exit_status(error);
}

char *report_line(const char *text)
{
	char *line = g_utf8_make_valid(text, -1);

	for (char *c = line; *c; c++)
		if (g_ascii_iscntrl(*c))
			*c = ' ';
	g_strchomp(line);
	return line;
}

static char *hint_of(enum action_outcome outcome, const GError *error)
{
	const char *hint = vmm_error_hint(error);

	if (outcome != ACTION_UNKNOWN)
		return g_strdup(hint);
	return g_strconcat("the outcome is unknown: look at the VM before trying again",
			   hint ? "; " : "", hint ? hint : "", NULL);
}

char *report_error(const char *action, enum action_outcome outcome, const GError *error)
{
	g_autofree char *line = report_line(error->message);
	g_autofree char *hint = hint_of(outcome, error);

	return g_strdup_printf("ERROR: %s: %s\n"
			       "ERROR MESSAGE --8<------\n"
			       "%s: %s [%s]%s%s%s\n"
			       "ERROR MESSAGE ------>8--\n", action, line, action, line,
			       vmm_error_class(error), hint ? " (hint: " : "", hint ? hint : "",
			       hint ? ")" : "");
}

/* An action that is certainly not done may be repeated when libvirt can be reached. */
static bool is_retry_safe(const GError *error)
{
	return vmm_error_retry_safe(error) ||
	       g_error_matches(error, VMM_ERROR, VMM_ERROR_CONNECTION);
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
		g_autofree char *hint = hint_of(outcome, error);

		e = json_object_new_object();
		add(e, "message", line);
		add(e, "class", vmm_error_class(error));
		json_object_object_add(e, "retry_safe",
				       json_object_new_boolean(outcome == ACTION_FAILED &&
							       is_retry_safe(error)));
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
