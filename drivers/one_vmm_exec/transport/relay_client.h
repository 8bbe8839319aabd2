/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_client.h - the relay of a host: a program there that runs steps, reached over one ssh
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
	RELAY_CLIENT_BROKE,    /* the connection did */
	RELAY_CLIENT_NOT_SENT, /* likewise, but certainly before the relay knew of the step */
	RELAY_CLIENT_LATE,     /* its time is over, and the relay does not say so */
};

/* Called once, from the loop: DONE is NULL when the relay did not tell, because of LOSS and WHY. */
typedef void relay_client_done(void *data, const struct relay_done *done,
			       enum relay_client_loss loss, const char *why);

/* Told when a relay is found that is not ours, or none, or that breaks the protocol; once each. */
typedef void relay_client_notice(void *data, const char *host, const char *text);

/* SSH is borrowed. PATH: of the relay. Closed after IDLE_S seconds without a step, never if 0. */
RelayClient *relay_client_new(const struct wire_ssh *ssh, const char *host, const char *path,
			      unsigned idle_s, relay_client_notice *notice, void *data);

/* Ends it, with what runs there. Nobody may wait for it. */
void relay_client_free(RelayClient *link);

/* READY(DATA) follows, perhaps at once. */
void relay_client_wait(RelayClient *link, relay_client_ready *ready, void *data);

/* Closes the connection if it is idle. */
void relay_client_close_idle(RelayClient *link);

/* Removes DATA from those who wait. False: it did not wait. */
bool relay_client_forget(RelayClient *link, const void *data);

/*
 * Runs RUN on one that is up; DONE(DATA) follows: a relay that does not answer is waited for until
 * RUN's time is over, one that does for some seconds more, as it has to end the step. One that
 * answers more than RUN allows, or what nobody asked for, is given up; nothing of it is kept.
 */
RelayCall *relay_client_run(RelayClient *link, const struct relay_run *run, relay_client_done *done,
			    void *data);

/* The relay shall end it; DONE follows, a moment after RUN's grace_ms at the latest. */
void relay_client_cancel(RelayCall *call);

#endif
