/* SPDX-License-Identifier: Apache-2.0 */
/* SIGHUP: vmm_exec.cfg is read again, and the log file opened again. */
#include "server_state.h"

void server_read_limits(struct server *s)
{
	const ConfCfg *cfg = s->settings->cfg;

	s->max_queue = (guint)conf_cfg_int(cfg, "limits.queue");
	s->max_waiting = (gsize)conf_cfg_int(cfg, "limits.waiting_bytes");
	s->max_running = (unsigned)conf_cfg_int(cfg, "limits.running");
	s->host_jobs = server_host_jobs(s->settings);
}

/* NAMES with commas; "nothing" of none. The caller frees. */
static char *list_names(GPtrArray *names)
{
	if (!names->len)
		return g_strdup("nothing");

	g_ptr_array_add(names, NULL);

	return g_strjoinv(", ", (char **)names->pdata);
}

void server_reload(struct server *s)
{
	g_autoptr(GPtrArray) changed = g_ptr_array_new(), later = g_ptr_array_new();
	g_autoptr(GError) error = NULL;
	bool has_later, ok = driver_settings_reload(s->settings, changed, later, &error);
	g_autofree char *what = NULL, *rest = NULL;

	driver_log_reopen(s->log, s->settings->cfg);
	if (!ok) {
		oned_log(s->env.out, 'E', -1, "one_vmm_exec: %s: all settings stay as they are",
			 error->message);
		return;
	}

	has_later = later->len > 0;
	what = list_names(changed);
	rest = list_names(later);
	oned_log(s->env.out, 'I', -1, "one_vmm_exec: %s was read again: changed: %s",
		 s->settings->cfg_path, what);
	if (has_later)
		oned_log(s->env.out, 'W', -1, "one_vmm_exec: %s: a restart of oned is needed for "
			 "%s", s->settings->cfg_path, rest);
	server_read_limits(s);
	server_start_jobs(s);
}
