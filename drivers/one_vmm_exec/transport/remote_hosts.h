/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_hosts.h - the ways to all hosts: of each the shared ssh connection, the relay and its
 * health, made when they are first needed. What runs on them is of remote.h.
 *
 *   remote_hosts_new()     once, when the driver starts
 *   remote_hosts_free()    when no command is in progress
 */
#ifndef ONE_VMM_EXEC_REMOTE_HOSTS_H
#define ONE_VMM_EXEC_REMOTE_HOSTS_H

#include "base/child.h"
#include "conf/cfg.h"
#include "transport/host_health.h"
#include "transport/relay_client.h"
#include "transport/session_reaper.h"
#include "transport/ssh_master.h"
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

/* MEMORY is borrowed: see session_reaper_remember(). */
void remote_hosts_remember(RemoteHosts *hosts, const struct reaper_memory *memory, void *data);

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

/* Of all hosts, since the driver started. */
struct remote_steps remote_hosts_steps(const RemoteHosts *hosts);

/* A relay has answered for a step. */
void remote_hosts_count_step(RemoteHosts *hosts, bool by_worker);

/* Borrowed. */
Workers *remote_hosts_workers(const RemoteHosts *hosts);

/* The word that marks our sessions, in the command line of their shell. Borrowed. */
const char *remote_hosts_mark(const RemoteHosts *hosts);

/*
 * Of an earlier driver, which bore one of MARKS (copied; none is ours), something may still run on
 * HOST: that is ended before anything of ours runs there, as soon as the host can be reached.
 */
void remote_hosts_suspect(RemoteHosts *hosts, const char *host, GPtrArray *marks);

/*
 * True: nothing of that runs on HOST. False: that is being ended (it gets
 * timeout_s.abort), and READY(DATA) follows.
 */
bool remote_hosts_reap(RemoteHosts *hosts, const char *host, session_reaper_ready *ready,
		       void *data);
bool remote_hosts_forget_reap(RemoteHosts *hosts, const void *data);

/* So it is with session NUMBER of ours, whose end was not heard of. */
void remote_hosts_suspect_session(RemoteHosts *hosts, const char *host, unsigned number);

/* The connection to HOST that its sessions share, borrowed; NULL: each has one of its own. */
SshMaster *remote_hosts_master(RemoteHosts *hosts, const char *host);

/* HOST's relay, borrowed; NULL: its transport is ssh. */
RelayClient *remote_hosts_relay(RemoteHosts *hosts, const char *host);

/* How ssh is called. Borrowed. */
const struct wire_ssh *remote_hosts_ssh(const RemoteHosts *hosts);

/* Where the relay is on a host. Borrowed. */
const char *remote_hosts_relay_path(const RemoteHosts *hosts);

/* Whether relays may have a worker now. */
bool remote_hosts_may_use_worker(const RemoteHosts *hosts);

#endif
