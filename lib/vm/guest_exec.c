/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/guest_exec.h"

#include <json-c/json.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/file.h"
#include "base/number.h"
#include "virt/agent.h"
#include "virt/domain_note.h"
#include "virt/virt_error.h"

/* Answers of an agent that may have started the program. */
#define INVALID_REPLY "sent an invalid reply"
#define NO_PROCESS "gave no process"

enum { AGENT_S = 30, PAUSE_MS = 100 };

static const struct domain_note note = { "urn:vmmexec:exec", "exec", "pid" };

static char *file_of(virDomain *dom)
{
	return g_build_filename(GUEST_DIRECTORY, virDomainGetName(dom), NULL);
}

static char *word_of(gint64 pid)
{
	return g_strdup_printf("%" G_GINT64_FORMAT, pid);
}

bool guest_exec_remember_own(virDomain *dom, gint64 pid, GError **error)
{
	g_autofree char *file = file_of(dom);
	g_autofree char *word = word_of(pid);

	unlink(file);

	return domain_note_write(dom, &note, word, error);
}

bool guest_exec_remember(virDomain *dom, gint64 pid, GError **error)
{
	g_autofree char *file = file_of(dom);
	g_autofree char *word = word_of(pid);
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
		vmm_fail(error, VMM_ERROR_GUEST, "the agent of domain %s " INVALID_REPLY,
			 virDomainGetName(dom));
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
		vmm_fail(error, VMM_ERROR_GUEST, "the agent " NO_PROCESS);
	json_object_put(answer);

	return ok;
}

bool guest_exec_may_have_begun(const GError *cause)
{
	static const char *const ours[] = { INVALID_REPLY, NO_PROCESS };

	if (vmm_is(cause, VMM_ERROR_CONNECTION))
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(ours); i++)
		if (strstr(cause->message, ours[i]))
			return true;

	return virt_is_agents_silence(cause);
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

static bool start_kill(virDomain *dom, bool windows, gint64 pid, gint64 *ret_killer,
		       GError **error)
{
	g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, pid);
	const char *linux_argv[] = { "kill", "-9", number, NULL };
	const char *windows_argv[] = { "taskkill", "/F", "/PID", number, NULL };

	return guest_exec_start(dom, windows ? windows_argv : linux_argv, NULL, ret_killer, error);
}

/* Status of PID once it has exited, or as it is at UNTIL_US. */
static bool wait_for_exit(virDomain *dom, gint64 pid, gint64 until_us,
			  struct guest_exec_status *ret, GError **error)
{
	for (;;) {
		if (!guest_exec_ask(dom, pid, ret, error))
			return false;
		if (ret->exited || !deadline_pause(until_us, PAUSE_MS))
			return true;
		guest_exec_status_clear(ret);
	}
}

/* Exit status of the guest's "kill -0", which signals nothing; -1: not known. */
static int probe(virDomain *dom, gint64 pid, gint64 until_us)
{
	g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, pid);
	const char *argv[] = { "kill", "-0", number, NULL };
	struct guest_exec_status status = { .code = -1 };
	gint64 prober;
	int code = -1;

	if (!guest_exec_start(dom, argv, NULL, &prober, NULL))
		return -1;
	if (wait_for_exit(dom, prober, until_us, &status, NULL) && status.exited)
		code = status.code;
	guest_exec_status_clear(&status);

	return code;
}

/*
 * Whether PID, of the agent's program, has certainly ended. The agent does not say so as long as a
 * child of the program has its output open; a "kill" that finds nothing must find process 1. ERROR:
 * why the agent did not say anything.
 */
static bool has_ended(virDomain *dom, bool windows, gint64 pid, gint64 until_us, GError **error)
{
	struct guest_exec_status status = { 0 };
	bool exited = guest_exec_ask(dom, pid, &status, error) && status.exited;

	guest_exec_status_clear(&status);
	if (exited)
		return true;
	if (windows)
		return false;
	if (probe(dom, pid, until_us) <= 0)
		return false;

	return probe(dom, 1, until_us) == 0;
}

static enum action_outcome fail_kill(virDomain *dom, gint64 pid,
				     const struct guest_exec_status *killer, GError **error)
{
	g_autofree char *said = g_strstrip(g_strdup(killer->err->str));

	vmm_fail(error, VMM_ERROR_GUEST, "cannot end process %" G_GINT64_FORMAT " in domain %s: "
		 "the guest's kill ended with status %d%s%s", pid, virDomainGetName(dom),
		 killer->code, *said ? ": " : "", said);

	return ACTION_FAILED;
}

/* KILLER has exited, or its time is over. */
static enum action_outcome judge_kill(virDomain *dom, bool windows, gint64 pid, gint64 until_us,
				      const struct guest_exec_status *killer, GError **error)
{
	bool succeeded = killer->exited && killer->code == 0;

	do {
		g_autoptr(GError) cause = NULL;

		if (has_ended(dom, windows, pid, until_us, &cause))
			return ACTION_DONE;
		if (vmm_is(cause, VMM_ERROR_CONNECTION)) {
			vmm_pass(error, &cause);
			return ACTION_UNKNOWN;
		}
	} while (succeeded && deadline_pause(until_us, PAUSE_MS));

	if (succeeded && windows)	/* taskkill waits for the end; a child has the output */
		return ACTION_DONE;
	if (killer->exited && !succeeded)
		return fail_kill(dom, pid, killer, error);
	vmm_fail(error, VMM_ERROR_GUEST, "process %" G_GINT64_FORMAT " in domain %s was killed, "
		 "and still runs", pid, virDomainGetName(dom));
	vmm_error_set_hint(error, "it may wait for a disk or a network file system of the guest: "
			   "ask again later");

	return ACTION_UNKNOWN;
}

enum action_outcome guest_exec_end(virDomain *dom, gint64 pid, gint64 until_us, GError **error)
{
	struct guest_exec_status killer = { 0 };
	g_autoptr(GError) cause = NULL;
	bool windows = is_windows(dom);
	enum action_outcome outcome;
	gint64 killer_pid;

	if (!start_kill(dom, windows, pid, &killer_pid, &cause)) {
		outcome = guest_exec_may_have_begun(cause) ? ACTION_UNKNOWN : ACTION_FAILED;
		vmm_pass(error, &cause);
		return outcome;
	}

	if (!wait_for_exit(dom, killer_pid, until_us, &killer, error))
		return ACTION_UNKNOWN;
	outcome = judge_kill(dom, windows, pid, until_us, &killer, error);
	guest_exec_status_clear(&killer);

	return outcome;
}
