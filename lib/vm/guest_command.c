/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/guest_command.h"

#include "action/request_input.h"

static char *asked_text(const TmplRequest *d, const char *name)
{
	const xmlNode *template = xml_child(d->vm, "TEMPLATE");

	return xml_child_text(xml_child(template, "QEMU_GA_EXEC"), name);
}

/* GLib's own message quotes the whole command. */
static bool split_command(const char *text, char ***ret, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (g_shell_parse_argv(text, NULL, ret, &cause))
		return true;
	if (g_error_matches(cause, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
		return vmm_fail(error, VMM_ERROR_INPUT, "the command: it is empty");

	return vmm_fail(error, VMM_ERROR_INPUT, "the command: a quote is not closed, or it ends "
			"with a backslash");
}

static bool decode_input(const char *text, GBytes **ret, GError **error)
{
	g_autofree guchar *bytes = NULL;
	g_autofree char *again = NULL;
	gsize len;

	if (!text)
		return true;
	if (!*text)
		return true;
	bytes = g_base64_decode(text, &len);
	again = g_base64_encode(bytes, len);
	if (!g_str_equal(again, text))
		return vmm_fail(error, VMM_ERROR_INPUT, "the program's stdin is not base64");
	*ret = g_bytes_new_take(g_steal_pointer(&bytes), len);
	return true;
}

static bool parse(GuestCommand *ret, const char *command, const char *input, GError **error)
{
	if (!split_command(command, &ret->argv, error))
		return false;

	return decode_input(input, &ret->input, error);
}

bool guest_command_read(GuestCommand *ret, const struct action_ctx *ctx, int command, int input,
			GError **error)
{
	g_autoptr(TmplRequest) d = NULL;
	g_autofree char *text = NULL, *stdin_text = NULL;

	if (!g_str_equal(ctx->arg[command], "-"))
		return parse(ret, ctx->arg[command], action_arg(ctx, input), error);

	d = request_input_read(error);
	if (!d)
		return false;
	if (!request_input_check(d, error))
		return false;
	text = asked_text(d, "COMMAND");
	stdin_text = asked_text(d, "STDIN");
	if (!text)
		return vmm_fail(error, VMM_ERROR_INPUT, "stdin: the VM has no "
				"QEMU_GA_EXEC/COMMAND");

	return parse(ret, text, stdin_text, error);
}

void guest_command_clear(GuestCommand *command)
{
	g_clear_pointer(&command->argv, g_strfreev);
	g_clear_pointer(&command->input, g_bytes_unref);
}
