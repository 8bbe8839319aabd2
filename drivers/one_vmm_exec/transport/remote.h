/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote.h - runs commands on hosts: by the relay of the host, or as sessions that share one ssh
 * connection to it. Connections are opened when first needed, and opened again after they were
 * lost.
 *
 *   remote_run()           for each command; its callback gets the result, once
 *   remote_cancel()        ends a command early; its callback follows
 *
 * Source: docs/architecture.md, "A DEPLOY, from line to guest"; docs/facts/protocol.md 6.
 */
#ifndef ONE_VMM_EXEC_REMOTE_H
#define ONE_VMM_EXEC_REMOTE_H

#include "step_result.h"
#include "transport/remote_hosts.h"

enum remote_kind { REMOTE_SCRIPT, REMOTE_MKDIR, REMOTE_WRITE };

struct remote_spec {
	const char *host;		/* checked by wire_ssh_check_host() */
	enum remote_kind kind;
	const char *path;		/* script, directory or file, on the host */
	const char *const *args;	/* of a script, NULL-terminated */
	const char *const *env;		/* of a script: "VMM_NAME=VALUE" words; NULL: none */
	GBytes *input;			/* or NULL */
	unsigned timeout_ms;		/* 0: none */
	unsigned grace_ms;		/* from SIGTERM to SIGKILL when it is ended */
	size_t max_output;
	bool forwarding;		/* a connection of its own with agent forwarding */
	/*
	 * Its host knows what becomes of it: it may go on if its session breaks. What else is lost
	 * is ended before anything of ours runs there.
	 */
	bool asked_about;
};

typedef struct remote Remote;

/* Called once, from the loop. RESULT, without outcome and cause, lasts until it returns. */
typedef void remote_done(void *data, const struct step_result *result);

/*
 * Runs SPEC (copied). If it times out or is cancelled, it is ended here and on the host before DONE
 * is called. Never fails at once: errors are in the result.
 */
Remote *remote_run(RemoteHosts *hosts, const struct remote_spec *spec, remote_done *done,
		   void *data);

/* The ssh that is its session, or 0. */
int remote_pid(const Remote *remote);

/* Ends it; DONE follows. */
void remote_cancel(Remote *remote);

#endif
