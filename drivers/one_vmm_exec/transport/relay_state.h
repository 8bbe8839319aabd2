/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_state.h - shared by the two files of relay_client.h: relay_client.c (the connection to a
 * relay, and what comes in over it) and relay_calls.c (the steps that are asked of the relay).
 */
#ifndef TRANSPORT_RELAY_STATE_H
#define TRANSPORT_RELAY_STATE_H

#include "base/child.h"
#include "transport/relay_client.h"

/* LINK_CLOSING: its end is near, and nothing more is begun on it. */
enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP, LINK_CLOSING };

struct relay_call {
	RelayClient *link;
	guint32 id;
	guint64 end;		/* in the stream of what is sent: behind its frame */
	relay_client_done *done; /* NULL: its result is no longer wanted */
	void *data;
	unsigned timeout_ms, grace_ms;
	size_t max_answer;	/* bytes of the data of a true one */
	guint guard;		/* source id: its time is over soon, or over */
	RelayCall *sign;        /* asked for a sign of life for it, or NULL */
	bool alive;		/* and got one */
};

struct relay_client {
	const struct wire_ssh *ssh;
	char *host, *path;
	unsigned idle_s;
	enum link_state state;
	gint64 absent_us;	/* until then the host has no relay */
	Child *child;
	GByteArray *in;		/* the begin of a frame, or of what comes before the hello */
	bool given_up;		/* its further output is ignored */
	guint64 sent;		/* bytes, since it is up */
	GQueue waiting;		/* of struct waiter */
	GHashTable *calls;      /* id to struct relay_call */
	guint32 next_id;
	guint timer;		/* source id: time-out, or idle */
	char *why;
	char *last_notice; /* what the last notice said, or NULL */
	relay_client_notice *notice;
	void *data;
	relay_client_worker *worker;	/* or NULL */
	void *worker_data;
	relay_client_lost *lost;	/* or NULL */
	void *lost_data;
	unsigned number;		/* of the relay that is or was last up */
	guint64 own_bytes;		/* of the worker's memory, as the relay has said */
	guint64 reports;		/* of that, which may still come */
};

/* relay_client.c: the idle connection is not closed now, as something begins on it. */
void relay_client_stop_timer(RelayClient *link);

/* relay_calls.c: drops the result of CALL, if one still comes. */
void relay_call_drop(RelayCall *call);

/* relay_calls.c: CALL has ended, or its connection has. */
void relay_call_free(RelayCall *call);

/*
 * relay_calls.c: whether the relay, which has got the first ARRIVED bytes, may still run steps,
 * also such whose result is no longer wanted.
 */
bool relay_calls_may_run(const RelayClient *link, guint64 arrived);

/* relay_calls.c: ends all calls, as the connection broke because of WHY after ARRIVED bytes. */
void relay_calls_break(RelayClient *link, guint64 arrived, const char *why);

#endif
