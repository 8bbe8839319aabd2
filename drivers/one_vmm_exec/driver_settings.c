/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/number.h"
#include "conf/paths.h"
#include "conf/rc.h"
#include "or_else.h"

static void warn_all(const ConfRc *rc)
{
	for (const char *const *w = conf_rc_warnings(rc); *w; w++)
		fprintf(stderr, "one_vmm_exec: %s\n", *w);
}

/* Sources FILE as oned's wrapper did: all that it sets is for the scripts too. */
static ConfRc *source(const char *file, GError **error)
{
	ConfRc *rc = conf_rc_load(file, CONF_RC_INSTRUCTIONS | CONF_RC_OPTIONAL, error);
	g_auto(GStrv) env = NULL;

	if (!rc)
		return NULL;

	warn_all(rc);
	env = conf_rc_environ(rc, (const char *const *)environ, true);

	for (char **e = env; *e; e++) {
		g_auto(GStrv) pair = g_strsplit(*e, "=", 2);

		if (pair[0] && pair[1])
			g_setenv(pair[0], pair[1], TRUE);
	}

	return rc;
}

/* ONE_MAD_DEBUG: our stderr and that of children is a file, instead of oned's closed one. */
static void open_debug_log(const ConfRc *rc, const char *hypervisor)
{
	g_autofree char *name = g_strdup_printf("one_vmm_%s.log", hypervisor);
	g_autofree char *path = conf_path_log(name);
	int fd;

	if (!conf_rc_get(rc, "ONE_MAD_DEBUG"))
		return;

	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0) {
		fprintf(stderr, "one_vmm_exec: cannot open %s: %s\n", path, g_strerror(errno));
		return;
	}

	dup2(fd, STDERR_FILENO);
	close(fd);
	g_setenv("G_MESSAGES_DEBUG", G_LOG_DOMAIN, FALSE);
}

static int script_nice(const ConfRc *rc)
{
	const char *text = conf_rc_get(rc, "PRIORITY");
	gint64 priority = 19;

	if (text && !number_signed(text, -20, 19, &priority, NULL))
		fprintf(stderr, "one_vmm_exec: defaultrc: PRIORITY '%s' is not -20 to 19\n", text);

	return (int)priority;
}

/* The vendored libraries of the Ruby scripts that we start. */
static void add_ruby_libraries(void)
{
	const char *location = g_getenv("ONE_LOCATION");
	g_autofree char *base = g_build_filename(or_if_empty(location, "/usr"),
						 location && *location ? "lib" : "lib/one",
						 "ruby", "vendors", NULL);
	g_autoptr(GDir) dir = g_dir_open(base, 0, NULL);
	g_autoptr(GString) all = g_string_new(g_getenv("RUBYLIB"));
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		g_string_append_printf(all, "%s%s/%s/lib", all->len ? ":" : "", base, name);
	if (all->len)
		g_setenv("RUBYLIB", all->str, TRUE);
}

static bool check_way(const struct driver_settings *s, const ConfCfg *cfg, const char *host,
		      GError **error)
{
	const char *way = conf_cfg_host(cfg, host, "transport");
	const char *uri = conf_cfg_host(cfg, host, "uri");

	if (!g_str_equal(way, "direct") || *uri)
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "%s: host '%s' has transport direct and no uri",
			s->cfg_path, host);
}

static bool check_ways(const struct driver_settings *s, const ConfCfg *cfg, GError **error)
{
	const char *host;

	for (size_t i = 0; (host = conf_cfg_host_name(cfg, i)); i++)
		if (!check_way(s, cfg, host, error))
			return false;
	return check_way(s, cfg, "", error);
}

static bool find_places(struct driver_settings *s, GError **error)
{
	g_autofree char *path = conf_path_var("config");
	g_autoptr(ConfRc) config = conf_rc_load(path, CONF_RC_OPTIONAL, error);
	const char *dir = config ? conf_rc_get(config, "SCRIPTS_REMOTE_DIR") : NULL;

	if (!config)
		return false;

	s->remote_dir = g_strdup(or_else(dir, "/var/tmp/one"));
	s->local_dir = conf_path_var("remotes");
	s->cfg_path = conf_path_etc("vmm_exec/vmm_exec.cfg");
	s->cfg = conf_cfg_load(s->cfg_path, error);

	if (!s->cfg)
		return false;

	return check_ways(s, s->cfg, error);
}

static char **words(const ConfRc *rc, const char *name)
{
	const char *text = conf_rc_get(rc, name);

	return g_strsplit_set(or_else(text, ""), " \t\n", -1);
}

bool driver_settings_load(int argc, char **argv, struct driver_settings *s, GError **error)
{
	g_autofree char *defaultrc = conf_path_etc("defaultrc");
	g_autofree char *vmm_execrc = conf_path_etc("vmm_exec/vmm_execrc");
	g_autofree char *home = conf_path_var("");
	g_autoptr(ConfRc) defaults = NULL;
	g_autoptr(ConfRc) rc = NULL;

	memset(s, 0, sizeof(*s));
	if (!driver_options_parse(argc, argv, &s->options, error))
		return false;
	if (s->options.printed_and_done)
		return true;
	defaults = source(defaultrc, error);
	if (defaults)
		rc = source(vmm_execrc, error);
	else
		rc = NULL;
	if (!rc)
		return false;
	if (!find_places(s, error))
		return false;

	open_debug_log(defaults, s->options.hypervisor);
	s->script_nice = script_nice(defaults);
	add_ruby_libraries();
	if (s->options.proxy)
		g_setenv("http_proxy", s->options.proxy, TRUE);

	s->local_networks = words(rc, "VNMAD_LOCAL_ACTIONS");
	s->live_snapshots = words(rc, "LIVE_DISK_SNAPSHOTS");
	if (chdir(home) < 0)
		fprintf(stderr, "one_vmm_exec: cannot go to %s: %s\n", home, g_strerror(errno));

	return true;
}

bool driver_settings_reload(struct driver_settings *s, GPtrArray *changed, GPtrArray *later,
			    GError **error)
{
	g_autoptr(ConfCfg) newer = NULL;

	/* At the start none means defaults; now an editor may be replacing it. */
	if (access(s->cfg_path, R_OK) != 0)
		return vmm_fail_errno(error, errno, "cannot read %s", s->cfg_path);

	newer = conf_cfg_load(s->cfg_path, error);
	if (!newer)
		return false;
	if (!check_ways(s, newer, error))
		return false;

	conf_cfg_update(s->cfg, newer, changed, later);

	return true;
}

void driver_settings_clear(struct driver_settings *s)
{
	driver_options_clear(&s->options);
	g_clear_pointer(&s->cfg, conf_cfg_free);
	g_clear_pointer(&s->cfg_path, g_free);
	g_clear_pointer(&s->local_dir, g_free);
	g_clear_pointer(&s->remote_dir, g_free);
	g_clear_pointer(&s->local_networks, g_strfreev);
	g_clear_pointer(&s->live_snapshots, g_strfreev);
}
