/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_host.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <json-c/json.h>
#include <signal.h>
#include <unistd.h>

#include "base/child.h"
#include "base/error_object.h"
#include "base/text.h"
#include "fleet/fleet.h"
#include "wire/ssh.h"

enum { CONNECT_S = 30, ALIVE_S = 10, STATUS_NO_PROGRAM = 42, MAX_LOG = 1 << 20 };

/* One that runs. */
struct running_call {
	const struct transfer_call *call;
	GMainLoop *loop;
	int *left;			/* that have not ended, of all that share the loop */
	char *mark;			/* of ssh; NULL: it runs here */
	Child *child;			/* NULL: it has ended, or was not started */
	struct child_result result;
};

static void append_all(GPtrArray *argv, const char *const *words)
{
	for (; *words; words++)
		g_ptr_array_add(argv, g_strdup(*words));
}

/* Its operands; a host keeps its kvmrc beside the set. */
static char **call_words(const struct transfer_call *c, const char *remote_dir)
{
	GPtrArray *words = g_ptr_array_new();

	if (remote_dir) {
		g_ptr_array_add(words, g_strdup("--kvmrc"));
		g_ptr_array_add(words, g_strconcat(remote_dir, "/etc/vmm/kvm/kvmrc", NULL));
	}

	append_all(words, c->words);
	g_ptr_array_add(words, NULL);

	return (char **)g_ptr_array_free(words, FALSE);
}

/* By no path: an upgrade may have put another program there since we started. */
static char **own_argv(const struct transfer_call *c)
{
	g_auto(GStrv) words = call_words(c, NULL);
	GPtrArray *argv = g_ptr_array_new();

	g_ptr_array_add(argv, g_strdup("/proc/self/exe"));
	append_all(argv, (const char *const *)words);
	g_ptr_array_add(argv, NULL);

	return (char **)g_ptr_array_free(argv, FALSE);
}

static char **remote_argv(struct running_call *r)
{
	g_autofree char *directory = fleet_remote_dir();
	g_autofree char *program = g_strconcat(directory, "/vmm/kvm-image", NULL);
	g_auto(GStrv) words = call_words(r->call, directory);
	g_autofree char *number = g_uuid_string_random();
	struct wire_ssh ssh = { .command = "ssh", .shell = "sh", .connect_timeout_s = CONNECT_S,
				.alive_interval_s = ALIVE_S, .set = directory };
	const struct wire_ssh_session session = { .ssh = &ssh, .host = r->call->host,
						  .mode = WIRE_SSH_ALONE };

	r->mark = g_strconcat("kvm-image-", number, NULL);
	ssh.mark = r->mark;

	return wire_ssh_run(&session, program, (const char *const *)words, NULL);
}

static void on_call_end(void *data, const struct child_result *result)
{
	struct running_call *r = data;

	r->child = NULL;
	r->result = *result;
	r->result.out = g_string_new(result->out->str);
	r->result.err = g_string_new(result->err->str);
	if (--*r->left == 0)
		g_main_loop_quit(r->loop);
}

static bool start_call(struct running_call *r, int input_fd, int output_fd, GError **error)
{
	g_auto(GStrv) argv = r->call->host ? remote_argv(r) : own_argv(r->call);
	const struct child_spec spec = {
		.argv = (const char *const *)argv, .input = r->call->input, .input_fd = input_fd,
		.output_fd = output_fd, .max_output = MAX_LOG,
	};

	r->child = child_start(&spec, on_call_end, r, error);
	if (r->child)
		++*r->left;

	return r->child != NULL;
}

static const char *answer_text(json_object *of, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(of, name, &value);

	return json_object_get_string(value);
}

/* What a program that prints JSON says of its failure; false: nothing. */
static bool said_error(json_object *answer, GError **error)
{
	json_object *cause = NULL;

	json_object_object_get_ex(answer, "error", &cause);

	return error_object_read(cause, error);
}

/* "kvm-image: MESSAGE [CLASS]", of one whose stdout is an image. */
static bool said_line(const char *text, GError **error)
{
	static const char name[] = "kvm-image: ";
	g_autofree char *trimmed = g_strchomp(g_strdup(text));
	char *line = g_strrstr(trimmed, name), *open, *close;

	open = line ? g_strrstr(line, " [") : NULL;
	close = open ? strchr(open, ']') : NULL;
	/* An error without a text says nothing. */
	if (!close || open <= line + strlen(name))
		return false;

	*open = *close = '\0';
	vmm_fail(error, vmm_error_of_class(open + strlen(" [")), "%s", line + strlen(name));

	return true;
}

static bool judge_ssh(const struct running_call *r, const struct wire_ssh_marks *marks,
		      GError **error)
{
	const char *host = r->call->host, *verb = r->call->words[0];

	if (marks->status == STATUS_NO_PROGRAM) {
		vmm_fail(error, VMM_ERROR_CONFIG, "host %s has no kvm-image", host);
		vmm_error_set_hint(error, "kvm-sync-hosts %s", host);
		return false;
	}
	if (marks->status >= 0)
		return true;
	if (!marks->pid) {
		child_result_check(&r->result, "ssh", error);
		g_prefix_error(error, "cannot reach host %s: ", host);
		(*error)->code = VMM_ERROR_CONNECTION;
		return false;
	}

	vmm_fail(error, VMM_ERROR_CONNECTION, "the connection to host %s broke in the middle of "
		 "kvm-image %s", host, verb);
	vmm_error_set_hint(error, "it is not known what has become of it; the same action may be "
			   "run again");

	return false;
}

/* Its own word for its failure; false: it has none. */
static bool said_failure(const struct running_call *r, GError **error)
{
	json_object *answer = json_tokener_parse(r->result.out->str);
	bool is_said = said_error(answer, error);

	if (!answer && r->result.exit_status > 0)
		is_said = said_line(r->result.err->str, error);
	json_object_put(answer);

	return is_said;
}

static bool judge_call(struct running_call *r, GError **error)
{
	struct wire_ssh_marks marks;

	if (r->mark) {
		g_autoptr(GError) cause = NULL;

		marks = wire_ssh_take_marks(r->mark, r->result.err);
		if (!judge_ssh(r, &marks, &cause))
			return vmm_pass(error, &cause);
		r->result.exit_status = marks.status;
	}

	if (said_failure(r, error))
		return false;

	return child_result_check(&r->result, "kvm-image", error);
}

static void clear_call(struct running_call *r)
{
	if (r->result.out)
		child_result_clear(&r->result);
	g_free(r->mark);
}

bool transfer_host_ask(const struct transfer_call *call, json_object **ret, GError **error)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	int left = 0;
	struct running_call r = { .call = call, .loop = loop, .left = &left };
	bool ok = start_call(&r, 0, 0, error);

	if (ok) {
		g_main_loop_run(loop);
		ok = judge_call(&r, error);
	}

	if (ok)
		*ret = json_tokener_parse(r.result.out->str);
	clear_call(&r);

	return ok;
}

bool transfer_host_run(const struct transfer_call *call, GError **error)
{
	json_object *answer = NULL;
	bool ok = transfer_host_ask(call, &answer, error);

	json_object_put(answer);

	return ok;
}

const char *transfer_host_text(json_object *answer, const char *name)
{
	return text_or(answer_text(answer, name), "");
}

/* The receiver's error counts, unless it failed only because the sender sent too little. */
static bool judge_pipe(struct running_call *from, struct running_call *to, GError **error)
{
	g_autoptr(GError) sent = NULL, received = NULL;
	bool is_sent = judge_call(from, &sent);

	if (judge_call(to, &received))
		return true;
	if (is_sent || vmm_is(sent, VMM_ERROR_CONNECTION) ||
	    !vmm_is(received, VMM_ERROR_CONNECTION))
		return vmm_pass(error, &received);

	return vmm_pass(error, &sent);
}

static bool run_pipe(struct running_call *from, struct running_call *to, GError **error)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return vmm_fail_errno(error, errno, "cannot make a pipe");
	if (!start_call(to, fds[0], 0, error)) {
		close(fds[1]);
		return false;
	}

	if (start_call(from, 0, fds[1], error)) {
		g_main_loop_run(from->loop);
		return judge_pipe(from, to, error);
	}

	/* The receiver reads the end of the pipe at once, and makes nothing. */
	g_main_loop_run(to->loop);

	return false;
}

bool transfer_host_pipe(const struct transfer_call *from, const struct transfer_call *to,
			json_object **ret_answer, GError **error)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	int left = 0;
	struct running_call a = { .call = from, .loop = loop, .left = &left };
	struct running_call b = { .call = to, .loop = loop, .left = &left };
	bool ok = run_pipe(&a, &b, error);

	if (ok && ret_answer)
		*ret_answer = json_tokener_parse(b.result.out->str);
	clear_call(&a);
	clear_call(&b);

	return ok;
}
