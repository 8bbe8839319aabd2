/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/relay_state.h"

#include <signal.h>

#include "base/text.h"
#include "or_else.h"
#include "transport/waiters.h"

enum { CONNECT_SLACK_S = 15, GRACE_MS = 500, MAX_OUTPUT = 16384, ABSENT_S = 300, STATUS_SSH = 255 };
enum { MAX_VERSION = 64 };

void relay_client_stop_timer(RelayClient *l)
{
	if (l->timer)
		g_source_remove(l->timer);

	l->timer = 0;
}

static void notify(RelayClient *l, const char *text)
{
	if (g_strcmp0(l->last_notice, text) && text)
		l->notice(l->data, l->host, text);

	g_free(l->last_notice);
	l->last_notice = g_strdup(text);
}

/* Each may come back at once and wait again. */
static void call_relay_waiters(RelayClient *l, enum relay_client_outcome outcome, const char *why)
{
	GQueue waiting = l->waiting;
	struct waiter w;

	g_queue_init(&l->waiting);
	while (waiters_take(&waiting, &w))
		((relay_client_ready *)w.ready)(w.data, outcome, why);
}

static void close_link(RelayClient *l)
{
	l->state = LINK_CLOSING;
	child_cancel(l->child);
}

static gboolean on_relay_idle(gpointer data)
{
	RelayClient *l = data;

	l->timer = 0;
	close_link(l);

	return G_SOURCE_REMOVE;
}

static void start_idle_timer(RelayClient *l)
{
	if (l->state == LINK_UP && l->idle_s && !l->timer && !g_hash_table_size(l->calls))
		l->timer = g_timeout_add_seconds(l->idle_s, on_relay_idle, l);
}

static gboolean on_connect_late(gpointer data)
{
	RelayClient *l = data;

	l->timer = 0;
	g_free(l->why);
	l->why = g_strdup("no answer in time");
	child_cancel(l->child);

	return G_SOURCE_REMOVE;
}

/* The far end breaks the protocol: treats the relay as dead. */
static void protocol_error(RelayClient *l, const char *why)
{
	g_free(l->why);
	l->why = g_strdup(why);
	l->given_up = true;
	g_byte_array_unref(l->in);
	l->in = g_byte_array_new();
	child_cancel(l->child);
}

/*
 * The relay was up, so it speaks our protocol and has now broken it: an administrator should look.
 */
static void cut_off(RelayClient *l, const char *why)
{
	g_autofree char *text = g_strconcat("is cut off: ", why, NULL);

	protocol_error(l, why);
	l->state = LINK_CLOSING;
	notify(l, text);
}

static void on_hello(RelayClient *l)
{
	g_autofree char *version = NULL;
	g_autofree char *text = NULL;
	size_t used;

	switch (relay_hello_take((const char *)l->in->data, l->in->len, &version, &used)) {
	case RELAY_INCOMPLETE:
		return;
	case RELAY_BAD:
		l->absent_us = g_get_monotonic_time() + ABSENT_S * G_USEC_PER_SEC;
		protocol_error(l, "its relay speaks another protocol");
		return;
	case RELAY_TAKEN:
		break;
	}

	g_byte_array_remove_range(l->in, 0, (guint)used);
	relay_client_stop_timer(l);
	l->state = LINK_UP;
	l->sent = l->reports = 0;
	if (!g_str_equal(version, VMM_VERSION))
		text = g_strdup_printf("has version %.*s of the set, here is " VMM_VERSION
				       " (hint: kvm-sync-hosts)", MAX_VERSION, version);
	notify(l, text);
	call_relay_waiters(l, RELAY_CLIENT_UP, NULL);
	start_idle_timer(l);
}

static void on_done(RelayClient *l, const struct relay_frame *frame)
{
	RelayCall *call = g_hash_table_lookup(l->calls, GUINT_TO_POINTER(frame->id));
	struct relay_done done;

	if (!relay_done_parse(frame->data, frame->size, &done, NULL)) {
		cut_off(l, "its relay sent a damaged frame");
		return;
	}

	if (call->done)
		call->done(call->data, &done, RELAY_CLIENT_BROKE, NULL);

	relay_done_clear(&done);
	relay_call_free(call);
	start_idle_timer(l);
}

static void say_worker(RelayClient *l, guint64 own_bytes)
{
	if (l->worker && own_bytes != l->own_bytes)
		l->worker(l->worker_data, l->host, own_bytes);

	l->own_bytes = own_bytes;
}

static void on_worker(RelayClient *l, const struct relay_frame *frame)
{
	guint64 own_bytes;

	if (!relay_worker_parse(frame->data, frame->size, &own_bytes, NULL)) {
		cut_off(l, "its relay sent a damaged frame");
		return;
	}

	l->reports--;
	say_worker(l, own_bytes);
}

static bool is_report(const RelayClient *l, const struct relay_frame *head)
{
	return head->type == RELAY_WORKER && head->size == RELAY_WORKER_SIZE && l->reports;
}

/* Judges a frame by its head, before the rest has come. */
static bool may_come(RelayClient *l, const struct relay_frame *head)
{
	const RelayCall *call = g_hash_table_lookup(l->calls, GUINT_TO_POINTER(head->id));

	if (is_report(l, head))
		return true;
	if (head->type != RELAY_DONE || !call)
		cut_off(l, "its relay sent an answer that nobody asked for");
	else if (head->size > call->max_answer)
		cut_off(l, "its relay sent more than was asked for (limits.output_bytes)");

	return !l->given_up;
}

/* Takes the frame that begins at AT; its bytes, or 0: it has not come whole, or may not come. */
static size_t take_frame(RelayClient *l, size_t at)
{
	const guint8 *data = l->in->data + at;
	size_t left = l->in->len - at, used = 0;
	struct relay_frame frame;

	switch (relay_frame_head(data, left, &frame)) {
	case RELAY_INCOMPLETE:
		return 0;
	case RELAY_BAD:
		cut_off(l, "its relay sent a malformed frame");
		return 0;
	case RELAY_TAKEN:
		break;
	}

	if (!may_come(l, &frame))
		return 0;
	if (relay_frame_take(data, left, &frame, &used) != RELAY_TAKEN)
		return 0;

	if (frame.type == RELAY_WORKER)
		on_worker(l, &frame);
	else
		on_done(l, &frame);

	if (l->given_up)
		return 0;

	return used;
}

static void on_says(void *data, Child *child G_GNUC_UNUSED, const char *bytes, size_t len)
{
	RelayClient *l = data;
	size_t at = 0, used = 0;

	if (l->given_up)
		return;

	g_byte_array_append(l->in, (const guint8 *)bytes, (guint)len);
	if (l->state == LINK_CONNECTING)
		on_hello(l);

	while (l->state == LINK_UP && !l->given_up && (used = take_frame(l, at)))
		at += used;
	if (at && !l->given_up)
		g_byte_array_remove_range(l->in, 0, (guint)at);
}

static void open_link(RelayClient *l);

static void say_absent(RelayClient *l, int status)
{
	g_autofree char *why = text_line(l->why, MAX_OUTPUT);
	g_autofree char *text = g_strdup_printf("has a set of which nothing is run: %s", why);

	if (status == WIRE_SSH_FOREIGN)
		notify(l, text);
	else
		notify(l, "has no relay of this version: each step is an ssh session "
		       "(hint: kvm-sync-hosts)");
}

static void on_end(void *data, const struct child_result *r)
{
	RelayClient *l = data;
	guint64 arrived = l->sent - MIN(l->sent, child_unwritten(l->child));
	bool was_up = l->state == LINK_UP || l->state == LINK_CLOSING;

	relay_client_stop_timer(l);
	l->child = NULL;
	l->state = LINK_DOWN;
	say_worker(l, 0);	/* it ends with its relay */
	if (!l->why)
		l->why = g_strdup(or_if_empty(r->err->str, "ssh ended"));

	/*
	 * A status other than ssh's own comes from the far end: the host was reached, and has no
	 * relay.
	 */
	if (!was_up && !r->timed_out && !r->cancelled && r->exit_status != STATUS_SSH)
		l->absent_us = g_get_monotonic_time() + ABSENT_S * G_USEC_PER_SEC;
	if (was_up) {
		g_autofree char *why = g_strdup(l->why);

		if (l->lost && relay_calls_may_run(l, arrived))
			l->lost(l->lost_data, l->host, l->number);

		relay_calls_break(l, arrived, why);
		if (l->waiting.length && l->state == LINK_DOWN)
			open_link(l);
	} else if (l->absent_us > g_get_monotonic_time()) {
		say_absent(l, r->exit_status);
		call_relay_waiters(l, RELAY_CLIENT_ABSENT, l->why);
	} else {
		call_relay_waiters(l, RELAY_CLIENT_FAILED, l->why);
	}
}

static void open_link(RelayClient *l)
{
	static unsigned relays;		/* so far */
	g_auto(GStrv) argv = wire_ssh_relay(l->ssh, l->host, l->path, ++relays);
	g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
	struct child_spec spec = {
		.argv = (const char *const *)argv, .input = nothing, .hold_input = true,
		.reader = on_says, .grace_ms = GRACE_MS, .max_output = MAX_OUTPUT,
	};
	g_autoptr(GError) error = NULL;

	l->number = relays;
	g_clear_pointer(&l->why, g_free);
	g_byte_array_set_size(l->in, 0);
	l->given_up = false;
	l->child = child_start(&spec, on_end, l, &error);

	if (!l->child) {
		call_relay_waiters(l, RELAY_CLIENT_FAILED, error->message);
		return;
	}

	l->state = LINK_CONNECTING;
	l->timer = g_timeout_add_seconds(l->ssh->connect_timeout_s + CONNECT_SLACK_S,
					 on_connect_late, l);
}

RelayClient *relay_client_new(const struct wire_ssh *ssh, const char *host, const char *path,
			      unsigned idle_s, relay_client_notice *notice, void *data)
{
	RelayClient *l = g_new0(RelayClient, 1);

	l->ssh = ssh;
	l->host = g_strdup(host);
	l->path = g_strdup(path);
	l->idle_s = idle_s;
	l->in = g_byte_array_new();
	l->calls = g_hash_table_new(NULL, NULL);
	l->notice = notice;
	l->data = data;
	g_queue_init(&l->waiting);

	return l;
}

void relay_client_watch_worker(RelayClient *l, relay_client_worker *worker, void *data)
{
	l->worker = worker;
	l->worker_data = data;
}

void relay_client_watch_loss(RelayClient *l, relay_client_lost *lost, void *data)
{
	l->lost = lost;
	l->lost_data = data;
}

void relay_client_free(RelayClient *l)
{
	g_autoptr(GList) calls = g_hash_table_get_values(l->calls);

	for (GList *at = calls; at; at = at->next)
		relay_call_drop(at->data);

	g_list_foreach(calls, (GFunc)g_free, NULL);
	relay_client_stop_timer(l);
	if (l->child)
		child_abandon(l->child, SIGTERM);

	g_queue_clear_full(&l->waiting, g_free);
	g_byte_array_unref(l->in);
	g_hash_table_unref(l->calls);
	g_free(l->host);
	g_free(l->path);
	g_free(l->why);
	g_free(l->last_notice);
	g_free(l);
}

void relay_client_wait(RelayClient *l, relay_client_ready *ready, void *data)
{
	if (l->state == LINK_UP) {
		ready(data, RELAY_CLIENT_UP, NULL);
		return;
	}

	if (l->state == LINK_DOWN && l->absent_us > g_get_monotonic_time()) {
		ready(data, RELAY_CLIENT_ABSENT, l->why);
		return;
	}

	waiters_add(&l->waiting, (void (*)(void))ready, data);
	if (l->state == LINK_DOWN)
		open_link(l);
}

void relay_client_close_idle(RelayClient *l)
{
	if (l->state != LINK_UP)
		return;
	if (l->waiting.length)
		return;
	if (g_hash_table_size(l->calls))
		return;

	relay_client_stop_timer(l);
	close_link(l);
}

bool relay_client_forget(RelayClient *l, const void *data)
{
	return waiters_forget(&l->waiting, data);
}
