/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote.h - runs commands on hosts: by the relay of the host, or as sessions that share one ssh
 * connection to it. Connections are opened when first needed, and opened again after they were
 * lost.
 *
 *   remote_hosts_new()     once, when the driver starts
 *   remote_run()           for each command; its callback gets the result, once
 *   remote_cancel()        ends a command early; its callback follows
 *   remote_hosts_free()    when no command is in progress
 *
 * Source: docs/architecture.md, "A DEPLOY, from line to guest"; docs/facts/protocol.md 6.
 */
#ifndef ONE_VMM_EXEC_REMOTE_H
#define ONE_VMM_EXEC_REMOTE_H

#include "base/child.h"
#include "conf/cfg.h"
#include "step_result.h"
#include "transport/host_health.h"
#include "transport/workers.h"

typedef struct remote_hosts RemoteHosts;

/*
 * CFG is borrowed. SHELL: of the far end, where scripts are below REMOTE_DIR. NULL with ERROR
 * set: no directory for sockets.
 */
RemoteHosts *remote_hosts_new(const ConfCfg *cfg, const char *shell, const char *remote_dir,
			      GError **error);

/* Something about HOST that an administrator should know. */
typedef void remote_hosts_notice(void *data, const char *host, const char *text);

/* At most one listener. */
void remote_hosts_listen(RemoteHosts *hosts, remote_hosts_notice *notice, void *data);

/* Ends all connections and removes their sockets. Nothing may be running. */
void remote_hosts_free(RemoteHosts *hosts);

/* Closes the connections that are idle. */
void remote_hosts_close_idle(RemoteHosts *hosts);

/* Which of them answer. Borrowed. */
HostHealth *remote_hosts_health(RemoteHosts *hosts);

/* How many steps relays have answered for, and of how many the process was made by a worker. */
struct remote_steps {
	guint64 by_relay, by_worker;
};

struct remote_steps remote_hosts_steps(const RemoteHosts *hosts);

/* Borrowed. */
Workers *remote_hosts_workers(const RemoteHosts *hosts);

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

/* The word that marks our sessions, in the command line of their shell. Borrowed. */
const char *remote_hosts_mark(const RemoteHosts *hosts);

/*
 * Ends on HOST all sessions and relays of an earlier driver, which bear one of MARKS (none is
 * ours), and what they run, which gets timeout_s.abort for that. DONE(DATA) follows.
 */
void remote_hosts_reap(RemoteHosts *hosts, const char *host, GPtrArray *marks, child_done *done,
		       void *data);

/* Ends it; DONE follows. */
void remote_cancel(Remote *remote);

#endif
