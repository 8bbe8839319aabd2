/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/remote_hosts.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

struct remote_hosts {
	struct wire_ssh ssh;
	char *mark;
	char *control_dir;
	const ConfCfg *cfg;
	bool multiplex;
	char *set, *relay_path;
	remote_hosts_notice *notice;
	void *notice_data;
	unsigned sessions;		/* at once on one connection */
	unsigned idle_s;
	unsigned next_control;
	GHashTable *connections; /* host to SshMaster */
	GHashTable *links;       /* host to RelayClient */
	struct remote_steps steps;
	Workers *workers;
	SessionReaper *reaper;
	HostHealth *health;
};

SshMaster *remote_hosts_master(RemoteHosts *h, const char *host)
{
	SshMaster *c = g_hash_table_lookup(h->connections, host);
	g_autofree char *control = NULL;

	if (c || !h->multiplex)
		return c;

	control = g_strdup_printf("%s/%u", h->control_dir, h->next_control++);
	c = ssh_master_new(&h->ssh, host, control, h->sessions, h->idle_s);
	g_hash_table_insert(h->connections, g_strdup(host), c);

	return c;
}

static void on_relay_notice(void *data, const char *host, const char *text)
{
	RemoteHosts *h = data;

	if (h->notice)
		h->notice(h->notice_data, host, text);
}

static void on_relay_lost(void *data, const char *host, unsigned number)
{
	RemoteHosts *h = data;

	session_reaper_suspect_relay(h->reaper, host, number);
}

/* Steps that "direct" cannot do use the relay, too. */
static bool uses_relay(const RemoteHosts *h, const char *host)
{
	return !g_str_equal(conf_cfg_host(h->cfg, host, "transport"), "ssh");
}

RelayClient *remote_hosts_relay(RemoteHosts *h, const char *host)
{
	RelayClient *l = g_hash_table_lookup(h->links, host);

	if (!uses_relay(h, host))
		return NULL;
	if (l)
		return l;

	l = relay_client_new(&h->ssh, host, h->relay_path, h->idle_s, on_relay_notice, h);
	relay_client_watch_worker(l, workers_note, h->workers);
	relay_client_watch_loss(l, on_relay_lost, h);
	g_hash_table_insert(h->links, g_strdup(host), l);

	return l;
}

const struct wire_ssh *remote_hosts_ssh(const RemoteHosts *h)
{
	return &h->ssh;
}

const char *remote_hosts_relay_path(const RemoteHosts *h)
{
	return h->relay_path;
}

bool remote_hosts_may_use_worker(const RemoteHosts *h)
{
	return conf_cfg_bool(h->cfg, "hosts.worker");
}

void remote_hosts_count_step(RemoteHosts *h, bool by_worker)
{
	h->steps.by_relay++;
	h->steps.by_worker += by_worker;
}

const char *remote_hosts_mark(const RemoteHosts *h)
{
	return h->mark;
}

void remote_hosts_remember(RemoteHosts *h, const struct reaper_memory *memory, void *data)
{
	session_reaper_remember(h->reaper, memory, data);
}

void remote_hosts_suspect(RemoteHosts *h, const char *host, GPtrArray *marks)
{
	session_reaper_set_marks(h->reaper, marks);
	session_reaper_suspect_marks(h->reaper, host);
}

void remote_hosts_suspect_session(RemoteHosts *h, const char *host, unsigned number)
{
	session_reaper_suspect_session(h->reaper, host, number);
}

bool remote_hosts_reap(RemoteHosts *h, const char *host, session_reaper_ready *ready, void *data)
{
	unsigned abort_s = (unsigned)conf_cfg_int(h->cfg, "timeout_s.abort");

	return session_reaper_wait(h->reaper, host, abort_s, ready, data);
}

bool remote_hosts_forget_reap(RemoteHosts *h, const void *data)
{
	return session_reaper_forget(h->reaper, data);
}

void remote_hosts_close_idle(RemoteHosts *h)
{
	GHashTableIter iter;
	void *one;

	g_hash_table_iter_init(&iter, h->links);
	while (g_hash_table_iter_next(&iter, NULL, &one))
		relay_client_close_idle(one);

	g_hash_table_iter_init(&iter, h->connections);
	while (g_hash_table_iter_next(&iter, NULL, &one))
		ssh_master_close_idle(one);
}

struct remote_steps remote_hosts_steps(const RemoteHosts *h)
{
	return h->steps;
}

Workers *remote_hosts_workers(const RemoteHosts *h)
{
	return h->workers;
}

HostHealth *remote_hosts_health(RemoteHosts *h)
{
	return h->health;
}

/* Not in /tmp if possible, where old files are removed. */
static const char *control_parent(const ConfCfg *cfg)
{
	const char *dir = conf_cfg_string(cfg, "ssh.control_dir");

	if (*dir)
		return dir;

	if (g_access("/run/one", W_OK) == 0)
		return "/run/one";

	return g_get_tmp_dir();
}

void remote_hosts_listen(RemoteHosts *h, remote_hosts_notice *notice, void *data)
{
	h->notice = notice;
	h->notice_data = data;
}

RemoteHosts *remote_hosts_new(const ConfCfg *cfg, const char *shell, const char *remote_dir,
			      GError **error)
{
	g_autofree char *template = g_build_filename(control_parent(cfg), "vmmexec.XXXXXX", NULL);
	RemoteHosts *h;

	if (!g_mkdtemp_full(template, 0700)) {
		vmm_fail_errno(error, errno, "cannot make a directory for ssh's sockets (%s)",
			       template);
		vmm_error_set_hint(error, "set ssh.control_dir in vmm_exec.cfg");
		return NULL;
	}

	h = g_new0(RemoteHosts, 1);
	h->control_dir = g_steal_pointer(&template);
	h->health = host_health_new(cfg);
	h->workers = workers_new();
	h->mark = g_strdup_printf("vmmexec-%08x%08x", g_random_int(), g_random_int());
	h->cfg = cfg;
	h->set = g_strdup(remote_dir);
	h->relay_path = g_build_filename(remote_dir, "vmm", "relay", NULL);
	h->multiplex = conf_cfg_bool(cfg, "ssh.multiplex");
	h->sessions = (unsigned)conf_cfg_int(cfg, "ssh.sessions");
	h->idle_s = (unsigned)conf_cfg_int(cfg, "ssh.idle_s");
	h->ssh = (struct wire_ssh){
		.command = conf_cfg_string(cfg, "ssh.command"),
		.shell = shell,
		.mark = h->mark,
		.set = h->set,
		.connect_timeout_s = (unsigned)conf_cfg_int(cfg, "ssh.connect_timeout_s"),
		.alive_interval_s = (unsigned)conf_cfg_int(cfg, "ssh.alive_interval_s"),
	};
	h->reaper = session_reaper_new(&h->ssh);
	h->connections = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       (GDestroyNotify)ssh_master_free);
	h->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					 (GDestroyNotify)relay_client_free);

	return h;
}

void remote_hosts_free(RemoteHosts *h)
{
	if (!h)
		return;

	session_reaper_free(h->reaper);
	g_hash_table_unref(h->connections);
	g_hash_table_unref(h->links);
	g_free(h->set);
	g_free(h->relay_path);
	host_health_free(h->health);
	workers_free(h->workers);
	g_rmdir(h->control_dir);
	g_free(h->control_dir);
	g_free(h->mark);
	g_free(h);
}
