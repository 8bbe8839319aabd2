/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmmexec - the actions of a host for people: VMs by number or name, no XML, sizes with units, one
 * line when it is done, and an error told once. The programs of the host do the work.
 */
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "action_call.h"
#include "answer_part.h"
#include "base/error_object.h"
#include "base/number.h"
#include "base/program.h"
#include "base/terminal.h"
#include "base/text.h"
#include "vm_command.h"

enum { STATUS_USAGE = 2, STATUS_UNKNOWN = 3 };

/* Empty: of a variable that is not set. A path would be the directory that one is in. */
static bool check_command_options(const struct vm_command *command, const struct cli_options *o,
				  GError **error)
{
	const char *empty = cli_options_empty(o);

	if (empty)
		return vmm_fail(error, VMM_ERROR_USAGE, "--%s is empty", empty);
	for (const char *const *n = cli_options_names(); *n; n++) {
		g_autofree char *word = g_strdup_printf(" %s ", *n);

		if (cli_options_has(o, *n) && !strstr(command->options, word))
			return vmm_fail(error, VMM_ERROR_USAGE, "%s has no option --%s",
					command->name, *n);
	}

	return true;
}

static const struct vm_command *find_command(const struct cli_options *o, GError **error)
{
	const char *name = o->words ? o->words[0] : NULL;
	const struct vm_command *command = name ? vm_command_find(name) : NULL;
	guint n = command ? g_strv_length(o->words) - 1 : 0;

	if (!name)
		vmm_fail(error, VMM_ERROR_USAGE, "no command is given");
	else if (!command)
		vmm_fail(error, VMM_ERROR_USAGE, "there is no command %s", name);
	else if (n < command->least || n > command->most)
		vmm_fail(error, VMM_ERROR_USAGE, "usage: vmmexec %s %s", command->name,
			 command->usage);
	else if (check_command_options(command, o, error))
		return command;

	return NULL;
}

/* "7" and "one-7" are VM 7; any other word is a name or UUID. */
static void name_vm(const char *word, struct vm_call *c)
{
	const char *digits = g_str_has_prefix(word, "one-") ? word + strlen("one-") : word;

	if (number_unsigned(digits, 0, G_MAXINT32, NULL, NULL)) {
		c->vm_id = g_strdup(digits);
		c->deploy_id = g_strdup_printf("one-%s", digits);
	} else {
		c->deploy_id = g_strdup(word);
	}
}

/* Prints ERROR once: a line for people, or an object. */
static int report_failure(const struct cli_options *o, const char *name, int status,
			  const GError *error)
{
	const char *outcome = status == STATUS_UNKNOWN ? "unknown" : "failed";
	bool may_retry = status == 1 && vmm_error_retry_safe(error);
	g_autofree char *line = vmm_error_line(error), *word = NULL;
	json_object *all;

	if (!o->json) {
		word = terminal_paint(STDERR_FILENO, TERMINAL_RED, "vmmexec");
		fprintf(stderr, "%s: %s%s\n", word, line,
			status == STATUS_UNKNOWN ? " (the outcome is unknown)" : "");
		return status;
	}

	all = json_object_new_object();
	json_object_object_add(all, "action", json_object_new_string(name));
	json_object_object_add(all, "outcome", json_object_new_string(outcome));
	json_object_object_add(all, "error", error_object(error, may_retry));
	puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);

	return status;
}

/* Prints the action's error as the action itself would have printed it. */
static void print_action_error(const char *name, json_object *error)
{
	g_autofree char *word = terminal_paint(STDERR_FILENO, TERMINAL_RED, "vmmexec");
	g_autofree char *message = text_line(answer_part_text(error, "message"), G_MAXSIZE);
	g_autofree char *class = text_line(answer_part_text(error, "class"), G_MAXSIZE);
	g_autofree char *said = text_line(answer_part_text(error, "hint"), G_MAXSIZE);
	const char *hint = said, *what = *message ? message : "?";
	const char *kind = *class ? class : "internal";

	if (!*hint && g_str_has_prefix(message, "cannot find domain "))
		hint = "vmmexec list shows those of a host";
	fprintf(stderr, "%s: %s: %s [%s]", word, name, what, kind);
	if (*hint)
		fprintf(stderr, " (hint: %s)", hint);
	fputc('\n', stderr);
}

/* Its output for a program; for a person a sentence, with the time it took. */
static void print_sentence(const struct cli_options *o, const ActionOrder *order,
			   const struct action_answer *answer)
{
	const char *output = answer_part_text(answer->object, "output");
	g_autofree char *done = NULL;

	if (o->dry_run) {
		printf("dry-run: %s\n", *output ? output : "nothing would be done");
		return;
	}

	if (!isatty(STDOUT_FILENO) && *output)
		puts(output);
	if (!isatty(STDOUT_FILENO) || o->quiet)
		return;

	done = terminal_paint(STDOUT_FILENO, TERMINAL_GREEN, text_or(order->done, "done"));
	printf("%s%s%s (%.1f s)\n", done, *output ? ": " : "", output, answer->seconds);
}

static int print_answer(const struct vm_command *command, const struct vm_call *c,
			const ActionOrder *order, const struct action_answer *answer,
			GError **error)
{
	json_object *fault = NULL;

	if (c->o->json) {
		puts(json_object_to_json_string_ext(answer->object,
						    JSON_C_TO_STRING_PLAIN |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
		return answer->status;
	}

	if (json_object_object_get_ex(answer->object, "error", &fault)) {
		print_action_error(command->name, fault);
		return answer->status;
	}

	if (command->print && !c->o->dry_run && !command->print(c, answer->object, error))
		return 1;
	if (!command->print || c->o->dry_run)
		print_sentence(c->o, order, answer);

	return answer->status;
}

static int run_command(const struct vm_command *command, struct vm_call *c, GError **error)
{
	g_autoptr(ActionOrder) order = action_order_new(command->action);
	struct action_answer answer = { .status = 1 };
	int status;

	c->operands = c->o->words + 1;
	order->reads = command->reads;
	if (command->takes_vm)
		name_vm(c->operands[0], c);
	if (command->build && !command->build(c, order, error))
		return vmm_error_exit_status(*error);

	status = 1;
	if (action_call(c->place, order, c->o, &answer, error))
		status = print_answer(command, c, order, &answer, error);
	else
		status = answer.status;
	json_object_put(answer.object);

	return status;
}

static int run_words(const struct cli_options *o)
{
	g_autoptr(GError) error = NULL;
	const struct vm_command *command = find_command(o, &error);
	struct action_place place = { 0 };
	struct vm_call c = { .place = &place, .o = o };
	int status = STATUS_USAGE;

	if (command && action_place_find(o, &place, &error))
		status = run_command(command, &c, &error);
	else
		status = vmm_error_exit_status(error);
	if (error)
		status = report_failure(o, command ? command->name : "", status, error);
	g_free(place.dir);
	g_free(c.deploy_id);
	g_free(c.vm_id);

	return program_end("vmmexec", status, 1);
}

/* The words of the guest's command, of which none is an option of ours, go behind O's own. */
static int run_with(struct cli_options *o, char **theirs)
{
	GPtrArray *all = g_ptr_array_new();

	for (char **word = o->words; word && *word; word++)
		g_ptr_array_add(all, *word);
	for (; *theirs; theirs++)
		g_ptr_array_add(all, g_strdup(*theirs));
	g_ptr_array_add(all, NULL);
	g_free(o->words);
	o->words = (char **)g_ptr_array_free(all, FALSE);

	return run_words(o);
}

/* The index in ARGV of the first word of a guest's command, whose options are its own; or ARGC. */
static int guest_command(int argc, char **argv)
{
	int at = cli_options_next_word(argc, argv, 0);
	const struct vm_command *command = at < argc ? vm_command_find(argv[at]) : NULL;

	if (!command || command->most != VM_COMMAND_OF_GUEST)
		return argc;

	at = cli_options_next_word(argc, argv, at);

	return at < argc ? cli_options_next_word(argc, argv, at) : argc;
}

/* The options could not be parsed, so the form of the error is read from the words themselves. */
static int fail_options(char **argv, const GError *error)
{
	struct cli_options o = { 0 };

	for (char **word = argv + 1; *word; word++)
		if (g_str_equal(*word, "--json") || g_str_equal(*word, "-j"))
			o.json = TRUE;

	return report_failure(&o, "", STATUS_USAGE, error);
}

int main(int argc, char **argv)
{
	struct cli_options o = { 0 };
	g_autofree char *help = vm_command_help();
	g_autoptr(GOptionContext) context = cli_options_context(&o, help);
	int own = guest_command(argc, argv);
	g_auto(GStrv) theirs = g_strdupv(argv + own), ours = NULL;
	g_autoptr(GError) error = NULL;
	int status = 0;

	program_open_descriptors();
	g_log_writer_default_set_use_stderr(TRUE);
	signal(SIGPIPE, SIG_IGN);
	argv[own] = NULL;
	ours = g_strdupv(argv);
	if (!g_option_context_parse(context, &own, &argv, &error))
		status = fail_options(ours, error);
	else if (o.help)
		program_print_help(context);
	else if (o.version)
		puts("vmmexec " VMM_VERSION);
	else
		status = run_with(&o, theirs);
	cli_options_clear(&o);

	return status;
}
