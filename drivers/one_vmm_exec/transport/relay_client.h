/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_client.h - runs steps by the relay, a program on the host that is reached over one ssh
 * connection. The connection is opened when it is first needed, opened again after it was lost,
 * and closed when idle.
 *
 *   relay_client_wait()    calls back when the relay is up, or says why it is not
 *   relay_client_run()     runs a step on a relay that is up; its callback gets the result, once
 *   relay_client_cancel()  ends a step early; its callback follows
 */
#ifndef ONE_VMM_EXEC_RELAY_CLIENT_H
#define ONE_VMM_EXEC_RELAY_CLIENT_H

#include "wire/relay_frame.h"
#include "wire/ssh.h"

typedef struct relay_client RelayClient;
typedef struct relay_call RelayCall;

enum relay_client_outcome {
	RELAY_CLIENT_UP,
	RELAY_CLIENT_ABSENT, /* the host answers, but has no relay of our protocol */
	RELAY_CLIENT_FAILED, /* no connection */
};

/* Called once, from the loop. WHY is borrowed; NULL when it is up. */
typedef void relay_client_ready(void *data, enum relay_client_outcome outcome, const char *why);

/* Why the outcome of a step is unknown. */
enum relay_client_loss {
	RELAY_CLIENT_BROKE,    /* the connection broke */
	RELAY_CLIENT_NOT_SENT, /* likewise, but certainly before the relay received the step */
	RELAY_CLIENT_TIMED_OUT, /* its time is over, and the relay has not answered */
};

/* Called once, from the loop. DONE is NULL if there is no result, because of LOSS and WHY. */
typedef void relay_client_done(void *data, const struct relay_done *done,
			       enum relay_client_loss loss, const char *why);

/* Called once each if a host has no relay, a foreign one, or one that breaks the protocol. */
typedef void relay_client_notice(void *data, const char *host, const char *text);

/* The own memory of HOST's worker, in bytes; 0: it has ended. */
typedef void relay_client_worker(void *data, const char *host, guint64 own_bytes);

/* HOST's relay of that NUMBER (wire_ssh_relay()) may still run steps, of which nobody hears. */
typedef void relay_client_lost(void *data, const char *host, unsigned number);

/* SSH is borrowed. PATH: of the relay. Closed after IDLE_S seconds without a step, never if 0. */
RelayClient *relay_client_new(const struct wire_ssh *ssh, const char *host, const char *path,
			      unsigned idle_s, relay_client_notice *notice, void *data);

/* WORKER(DATA) is called from the loop when that has changed. */
void relay_client_watch_worker(RelayClient *link, relay_client_worker *worker, void *data);

/* LOST(DATA) is called when the way to a relay that runs steps has broken. */
void relay_client_watch_loss(RelayClient *link, relay_client_lost *lost, void *data);

/* Ends it, with what runs there. Nobody may wait for it. */
void relay_client_free(RelayClient *link);

/* READY(DATA) follows, perhaps at once. */
void relay_client_wait(RelayClient *link, relay_client_ready *ready, void *data);

/* Closes the connection if it is idle. */
void relay_client_close_idle(RelayClient *link);

/* Removes DATA from those who wait. False: it did not wait. */
bool relay_client_forget(RelayClient *link, const void *data);

/*
 * Runs RUN on a relay that is up; DONE(DATA) follows. A relay that does not answer gets until RUN's
 * time is over, one that answers some seconds more, as it has to end the step. A relay that sends
 * more than RUN allows, or anything unexpected, is given up; nothing of it is kept.
 */
RelayCall *relay_client_run(RelayClient *link, const struct relay_run *run, relay_client_done *done,
			    void *data);

/* Asks the relay to end it; DONE follows, a moment after RUN's grace_ms at the latest. */
void relay_client_cancel(RelayCall *call);

#endif
