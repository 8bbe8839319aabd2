/* SPDX-License-Identifier: Apache-2.0 */
/* The part of relay_client.h that runs steps: each is a call, with its time and its result. */
#include "transport/relay_state.h"

/* A relay is asked for a sign of life this long before a step's time is over. */
enum { SIGN_MS = 2000, KILL_LIMIT_MS = 8000, CANCEL_LIMIT_MS = 300 };

static void stop_guard(RelayCall *call)
{
	if (call->guard)
		g_source_remove(call->guard);

	call->guard = 0;
}

void relay_call_drop(RelayCall *call)
{
	stop_guard(call);
	call->done = NULL;
	if (call->sign)
		relay_call_drop(call->sign);

	call->sign = NULL;
}

void relay_call_free(RelayCall *call)
{
	relay_call_drop(call);
	g_hash_table_remove(call->link->calls, GUINT_TO_POINTER(call->id));
	g_free(call);
}

bool relay_calls_may_run(const RelayClient *l, guint64 arrived)
{
	g_autoptr(GList) calls = g_hash_table_get_values(l->calls);

	for (GList *at = calls; at; at = at->next)
		if (((const RelayCall *)at->data)->end <= arrived)
			return true;
	return false;
}

void relay_calls_break(RelayClient *l, guint64 arrived, const char *why)
{
	g_autoptr(GList) calls = g_hash_table_get_values(l->calls);

	for (GList *at = calls; at; at = at->next) {
		RelayCall *call = at->data;

		if (call->done)
			call->done(call->data, NULL,
				   call->end > arrived ? RELAY_CLIENT_NOT_SENT : RELAY_CLIENT_BROKE,
				   why);
		relay_call_free(call);
	}
}

static void send_frame(RelayClient *l, GBytes *frame)
{
	l->sent += g_bytes_get_size(frame);
	child_write(l->child, frame);
}

static bool may_use_worker(const struct relay_run *run)
{
	return run->env && g_strv_contains((const char *const *)run->env, RELAY_MAY_USE_WORKER);
}

static RelayCall *call_new(RelayClient *l, const struct relay_run *run, relay_client_done *done,
			   void *data)
{
	RelayCall *call = g_new0(RelayCall, 1);
	g_autoptr(GBytes) frame = NULL;

	relay_client_stop_timer(l);
	do
		l->next_id++;
	while (g_hash_table_contains(l->calls, GUINT_TO_POINTER(l->next_id)));
	*call = (struct relay_call){
		.link = l,
		.id = l->next_id,
		.done = done,
		.data = data,
		.max_answer = relay_done_max(run->max_output),
	};
	g_hash_table_insert(l->calls, GUINT_TO_POINTER(call->id), call);
	frame = relay_run_frame(call->id, run);
	send_frame(l, frame);
	call->end = l->sent;
	if (may_use_worker(run))
		l->reports += RELAY_WORKER_FRAMES;

	return call;
}

static gboolean on_given_up(gpointer data)
{
	RelayCall *call = data;
	relay_client_done *done = call->done;

	call->guard = 0;
	relay_call_drop(call);
	done(call->data, NULL, RELAY_CLIENT_TIMED_OUT, "the host does not answer");

	return G_SOURCE_REMOVE;
}

/* The relay ends it now and reports that, unless the relay itself hangs. */
static gboolean on_over(gpointer data)
{
	RelayCall *call = data;

	if (!call->alive)
		return on_given_up(call);

	call->guard = g_timeout_add(KILL_LIMIT_MS + call->grace_ms, on_given_up, call);

	return G_SOURCE_REMOVE;
}

static void on_sign(void *data, const struct relay_done *done,
		    enum relay_client_loss loss G_GNUC_UNUSED, const char *why G_GNUC_UNUSED)
{
	RelayCall *call = data;

	call->sign = NULL;
	call->alive = done != NULL;
}

static unsigned sign_ms(const RelayCall *call)
{
	return MIN(call->timeout_ms / 2, SIGN_MS);
}

/* A relay answers at once to a step that it cannot run. */
static gboolean on_nearly_over(gpointer data)
{
	RelayCall *call = data;
	char nothing[] = "/", nowhere[] = "", *argv[] = { nothing, NULL };
	const struct relay_run run = { .argv = argv, .cwd = nowhere };

	call->guard = g_timeout_add(sign_ms(call), on_over, call);
	call->sign = call_new(call->link, &run, on_sign, call);

	return G_SOURCE_REMOVE;
}

RelayCall *relay_client_run(RelayClient *l, const struct relay_run *run, relay_client_done *done,
			    void *data)
{
	RelayCall *call = call_new(l, run, done, data);

	call->timeout_ms = run->timeout_ms;
	call->grace_ms = run->grace_ms;
	if (run->timeout_ms)
		call->guard = g_timeout_add(run->timeout_ms - sign_ms(call), on_nearly_over, call);

	return call;
}

void relay_client_cancel(RelayCall *call)
{
	g_autoptr(GBytes) frame = relay_cancel_frame(call->id);

	send_frame(call->link, frame);
	stop_guard(call);
	call->guard = g_timeout_add(CANCEL_LIMIT_MS + call->grace_ms, on_given_up, call);
}
