/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd_session.h"

#include <glib-unix.h>
#include <json-c/json.h>
#include <signal.h>
#include <unistd.h>

#include "base/child.h"
#include "base/text.h"
#include "image_tool.h"
#include "rbd_service.h"

enum { SLACK_S = 5, MS = 1000, MAX_CPU_S = 600 };

/* Sanitizers have all address space for themselves. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAX_MEMORY 0
#else
#define MAX_MEMORY ((guint64)8 << 30)
#endif

struct session {
	Child *child;		/* NULL: not started yet, or ended */
	bool is_over;		/* it has ended: rbd does the rest */
	bool is_late, is_cancelled;
	GString *line;		/* what it has written of its reply */
	GMainLoop *loop;	/* while a reply is waited for */
};

static struct session session;

static void wake(void)
{
	if (session.loop)
		g_main_loop_quit(session.loop);
}

static void on_reply(void *data G_GNUC_UNUSED, Child *child G_GNUC_UNUSED, const char *bytes,
		     size_t len)
{
	g_string_append_len(session.line, bytes, (gssize)len);
	if (strchr(session.line->str, '\n'))
		wake();
}

static void on_service_end(void *data G_GNUC_UNUSED,
			   const struct child_result *result G_GNUC_UNUSED)
{
	session.child = NULL;
	session.is_over = true;
	wake();
}

/*
 * on_service_end() follows when the call in progress has ended. The service gets no further call.
 */
static void end_service(bool *why)
{
	*why = true;
	session.is_over = true;
	if (session.child)
		child_cancel(session.child);
}

static gboolean on_late_reply(gpointer data G_GNUC_UNUSED)
{
	end_service(&session.is_late);

	return G_SOURCE_CONTINUE;
}

static gboolean on_stop(gpointer data G_GNUC_UNUSED)
{
	end_service(&session.is_cancelled);

	return G_SOURCE_CONTINUE;
}

static bool start_service(const struct rbd_session_call *call)
{
	g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
	g_autofree char *connect_s = g_strdup_printf("%u", call->connect_s);
	g_autofree char *answer_s = g_strdup_printf("%u", call->answer_s);
	g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
	const char *const argv[] = { "/proc/self/exe", RBD_SERVICE, pid,
				     text_or(call->user, ""), text_or(call->conf, ""),
				     connect_s, answer_s, NULL };
	const struct child_spec spec = {
		.argv = argv, .input = nothing, .hold_input = true, .reader = on_reply,
		.max_memory = MAX_MEMORY, .max_cpu_s = MAX_CPU_S,
	};

	session.line = g_string_new(NULL);
	session.child = child_start(&spec, on_service_end, NULL, NULL);
	session.is_over = !session.child;

	return session.child != NULL;
}

static void send_words(char **words)
{
	json_object *all = json_object_new_array();
	g_autofree char *line = NULL;
	GBytes *bytes;

	for (; *words; words++)
		json_object_array_add(all, json_object_new_string(*words));
	line = g_strconcat(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN), "\n", NULL);
	bytes = g_bytes_new(line, strlen(line));
	g_string_truncate(session.line, 0);
	child_write(session.child, bytes);
	g_bytes_unref(bytes);
	json_object_put(all);
}

/* Until it has replied, or has ended. */
static void wait_for_reply(unsigned timeout_s)
{
	guint sources[] = { g_timeout_add(timeout_s * MS, on_late_reply, NULL),
			    g_unix_signal_add(SIGINT, on_stop, NULL),
			    g_unix_signal_add(SIGTERM, on_stop, NULL) };

	session.loop = g_main_loop_new(NULL, FALSE);
	g_main_loop_run(session.loop);
	g_clear_pointer(&session.loop, g_main_loop_unref);
	for (size_t i = 0; i < G_N_ELEMENTS(sources); i++)
		g_source_remove(sources[i]);
}

/* Its last call may have taken effect, as with an rbd that ends in this way. */
static enum rbd_session_end fail_without_reply(GError **error)
{
	if (session.is_cancelled)
		vmm_fail(error, VMM_ERROR_CANCELLED, "rbd was cancelled");
	else if (session.is_late)
		vmm_fail(error, VMM_ERROR_TIMEOUT, "rbd did not end in time");
	else
		vmm_fail(error, VMM_ERROR_INTERNAL, "rbd failed: its library has ended the "
			 "process");

	return RBD_SESSION_FAILED;
}

static enum rbd_session_end judge_reply(json_object *reply, char **ret, GError **error)
{
	json_object *value = NULL;

	if (json_object_object_get_ex(reply, "answer", &value)) {
		*ret = g_strdup(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
		return RBD_SESSION_DONE;
	}

	if (json_object_object_get_ex(reply, "beyond", &value))
		return RBD_SESSION_NONE;
	if (!json_object_object_get_ex(reply, "fault", &value))
		return fail_without_reply(error);

	vmm_fail(error, VMM_ERROR_INTERNAL, "rbd failed: %s", json_object_get_string(value));
	if (error)
		image_tool_set_meaning(*error, json_object_get_string(value));

	return RBD_SESSION_FAILED;
}

enum rbd_session_end rbd_session_run(const struct rbd_session_call *call, char **ret,
				     GError **error)
{
	g_auto(GStrv) words = rbd_service_words(call->words);
	enum rbd_session_end end;
	json_object *reply;

	if (!words || session.is_over)
		return RBD_SESSION_NONE;
	if (!session.child && !start_service(call))
		return RBD_SESSION_NONE;

	send_words(words);
	wait_for_reply(call->connect_s + call->answer_s + SLACK_S);
	if (!strchr(session.line->str, '\n'))
		return fail_without_reply(error);

	reply = json_tokener_parse(session.line->str);
	end = judge_reply(reply, ret, error);
	json_object_put(reply);

	return end;
}

/* No image is open between calls: its end leaves nothing behind. */
void rbd_session_close(void)
{
	if (session.child)
		child_abandon(session.child, SIGKILL);
	if (session.line)
		g_string_free(session.line, TRUE);
	session = (struct session){ .is_over = true };
}
