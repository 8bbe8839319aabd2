/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/guest_exec.h"

#include <json-c/json.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "virt/agent.h"
#include "virt/domain_note.h"

enum { AGENT_S = 30 };

static const struct domain_note note = { "urn:vmmexec:exec", "exec", "pid" };

static char *file_of(virDomain *dom)
{
	return g_build_filename(GUEST_DIRECTORY, virDomainGetName(dom), NULL);
}

bool guest_exec_remember(virDomain *dom, gint64 pid, GError **error)
{
	g_autofree char *file = file_of(dom);
	g_autofree char *word = g_strdup_printf("%" G_GINT64_FORMAT, pid);
	g_autofree char *line = g_strconcat(word, "\n", NULL);
	g_autoptr(GError) cause = NULL;

	if (!file_write(file, line, strlen(line), 0600, error))
		return false;

	if (!domain_note_write(dom, &note, word, &cause))
		action_log("WARN", "after a migration exec_cancel will not know the program: %s",
			   cause->message);

	return true;
}

static bool take_pid(char *text, gint64 *ret)
{
	return number_signed(g_strchomp(text), 1, G_MAXINT64, ret, NULL);
}

bool guest_exec_recall(virDomain *dom, gint64 *ret, GError **error)
{
	g_autofree char *file = file_of(dom);
	g_autofree char *text = NULL;
	g_autofree char *word = NULL;

	/* The file may be from before the domain was on another host: its own word goes first. */
	if (!domain_note_read(dom, &note, &word, error))
		return false;
	if (word && take_pid(word, ret))
		return true;
	if (g_file_get_contents(file, &text, NULL, NULL) && take_pid(text, ret))
		return true;

	*ret = 0;

	return true;
}

void guest_exec_forget(virDomain *dom)
{
	g_autofree char *file = file_of(dom);
	g_autoptr(GError) cause = NULL;

	unlink(file);
	if (!domain_note_write(dom, &note, NULL, &cause))
		action_log("DEBUG", "%s", cause->message);
}

/* Runs COMMAND with ARGUMENTS (both taken or static); its "return". json_object_put(). */
static json_object *command(virDomain *dom, const char *name, json_object *arguments,
			    GError **error)
{
	json_object *all = json_object_new_object(), *answer = NULL, *value = NULL;
	g_autofree char *text = NULL;

	json_object_object_add(all, "execute", json_object_new_string(name));
	if (arguments)
		json_object_object_add(all, "arguments", arguments);
	text = virt_agent(dom, json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN),
			  AGENT_S, error);
	json_object_put(all);
	if (text)
		answer = json_tokener_parse(text);
	else
		answer = NULL;
	if (answer)
		json_object_object_get_ex(answer, "return", &value);
	if (value)
		json_object_get(value);
	else if (text)
		vmm_fail(error, VMM_ERROR_GUEST, "the agent of domain %s sent an "
			 "invalid reply", virDomainGetName(dom));
	json_object_put(answer);

	return value;
}

bool guest_exec_start(virDomain *dom, const char *const *argv, GBytes *input, gint64 *ret_pid,
		      GError **error)
{
	json_object *arguments = json_object_new_object(), *list = json_object_new_array();
	json_object *answer, *pid;
	bool ok;

	json_object_object_add(arguments, "path", json_object_new_string(argv[0]));
	for (const char *const *a = argv + 1; *a; a++)
		json_object_array_add(list, json_object_new_string(*a));
	json_object_object_add(arguments, "arg", list);
	json_object_object_add(arguments, "capture-output", json_object_new_boolean(true));
	if (input) {
		g_autofree char *data = g_base64_encode(g_bytes_get_data(input, NULL),
							g_bytes_get_size(input));

		json_object_object_add(arguments, "input-data", json_object_new_string(data));
	}

	answer = command(dom, "guest-exec", arguments, error);
	if (!answer)
		return false;
	ok = json_object_object_get_ex(answer, "pid", &pid) &&
	     json_object_is_type(pid, json_type_int) && json_object_get_int64(pid) > 0;
	if (ok)
		*ret_pid = json_object_get_int64(pid);
	else
		vmm_fail(error, VMM_ERROR_GUEST, "the agent gave no process");
	json_object_put(answer);

	return ok;
}

/* What the base64 text NAME of ANSWER holds. */
static GString *data(json_object *answer, const char *name)
{
	GString *text = g_string_new(NULL);
	json_object *value;
	gsize len = 0;

	if (json_object_object_get_ex(answer, name, &value) &&
	    json_object_is_type(value, json_type_string)) {
		g_autofree guchar *bytes = g_base64_decode(json_object_get_string(value), &len);

		g_string_append_len(text, (const char *)bytes, (gssize)len);
	}

	return text;
}

/* More than 4 MiB are not passed on, and more than 10 MiB end libvirt's talk with the agent. */
static bool was_too_much(const GError *cause)
{
	return vmm_is(cause, VMM_ERROR_NO_RESOURCE);
}

bool guest_exec_ask(virDomain *dom, gint64 pid, struct guest_exec_status *ret, GError **error)
{
	json_object *arguments = json_object_new_object(), *answer, *value;
	g_autoptr(GError) cause = NULL;

	json_object_object_add(arguments, "pid", json_object_new_int64(pid));
	answer = command(dom, "guest-exec-status", arguments, &cause);
	*ret = (struct guest_exec_status){ .code = -1, .lost = !answer && was_too_much(cause) };
	if (ret->lost) {	/* the agent gives a result only once */
		ret->exited = true;
		ret->out = g_string_new(NULL);
		ret->err = g_string_new(NULL);
		return true;
	}

	if (!answer)
		return vmm_pass(error, &cause);
	ret->exited = json_object_object_get_ex(answer, "exited", &value) &&
		      json_object_get_boolean(value);
	if (json_object_object_get_ex(answer, "exitcode", &value))
		ret->code = json_object_get_int(value);
	ret->out = data(answer, "out-data");
	ret->err = data(answer, "err-data");
	json_object_put(answer);

	return true;
}

enum action_outcome guest_exec_judge(virDomain *dom, const struct guest_exec_status *status,
				     GError **error)
{
	const char *name = virDomainGetName(dom);

	if (!status->lost && status->code == 0)
		return ACTION_DONE;
	if (status->lost) {
		vmm_fail(error, VMM_ERROR_NO_RESOURCE, "the program in domain %s ended, and wrote "
			 "more than libvirt passes on (4 MiB as base64): output and status are "
			 "lost", name);
		vmm_error_set_hint(error, "let it write into a file of the guest");
		return ACTION_UNKNOWN;
	}

	vmm_fail(error, VMM_ERROR_GUEST, "the program in domain %s ended with status %d", name,
		 status->code);

	return ACTION_FAILED;
}

void guest_exec_status_clear(struct guest_exec_status *status)
{
	if (status->out)
		g_string_free(status->out, TRUE);
	if (status->err)
		g_string_free(status->err, TRUE);
	*status = (struct guest_exec_status){ 0 };
}

static bool is_windows(virDomain *dom)
{
	json_object *answer = command(dom, "guest-get-osinfo", NULL, NULL), *id;
	bool yes = answer && json_object_object_get_ex(answer, "id", &id) &&
		   !g_strcmp0(json_object_get_string(id), "mswindows");

	json_object_put(answer);

	return yes;
}

bool guest_exec_kill(virDomain *dom, gint64 pid, GError **error)
{
	g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, pid);
	const char *linux_argv[] = { "kill", "-9", number, NULL };
	const char *windows_argv[] = { "taskkill", "/F", "/PID", number, NULL };
	gint64 killer;

	return guest_exec_start(dom, is_windows(dom) ? windows_argv : linux_argv, NULL, &killer,
				error);
}
