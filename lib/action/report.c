/* SPDX-License-Identifier: Apache-2.0 */
#include "action/report.h"

#include <json-c/json.h>
#include <unistd.h>

#include "base/error_object.h"
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

	if (isatty(STDERR_FILENO))
		return g_strdup_printf("%s: %s\n", action, line);

	return g_strdup_printf("ERROR: %s: %s\n"
			       "ERROR MESSAGE --8<------\n"
			       "%s: %s\n"
			       "ERROR MESSAGE ------>8--\n", action, message, action, line);
}

static void add(json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

static void add_report(json_object *all, const struct report *report)
{
	g_autofree char *valid = g_utf8_make_valid(report->output, -1);

	add(all, "output", g_strchomp(valid));
	if (!report->result)
		return;
	json_object_object_foreach(report->result, name, value) {
		json_object_object_add(all, name, json_object_get(value));
	}
}

char *report_json(const char *action, enum action_outcome outcome, const struct report *report,
		  const GError *error)
{
	static const char *const outcomes[] = { "done", "failed", "unknown" };
	bool may_retry = outcome == ACTION_FAILED && error && vmm_error_retry_safe(error);
	g_autoptr(GError) told = error ? advise(outcome, error) : NULL;
	const char *word = outcomes[outcome];
	json_object *all = json_object_new_object();
	char *text;

	if (outcome == ACTION_DONE && report && report->dry_run)
		word = "dry-run";
	add(all, "action", action);
	add(all, "outcome", word);
	if (error)
		json_object_object_add(all, "error", error_object(told, may_retry));
	else if (report)
		add_report(all, report);

	text = g_strdup_printf("%s\n",
			       json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);

	return text;
}
