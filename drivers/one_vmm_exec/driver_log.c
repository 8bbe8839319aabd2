/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char severities[] = "EWID";
static const char *const levels[] = { "error", "warning", "info", "debug" };

struct driver_log {
	int fd;			/* -1: none */
	bool json;
	size_t level;		/* index of SEVERITIES: the last that is wanted */
};

DriverLog *driver_log_new(const ConfCfg *cfg)
{
	const char *file = conf_cfg_string(cfg, "log.file");
	const char *level = conf_cfg_string(cfg, "log.level");
	DriverLog *log = g_new0(DriverLog, 1);

	log->fd = -1;
	log->json = conf_cfg_bool(cfg, "log.json");
	log->level = 2;
	for (size_t i = 0; i < G_N_ELEMENTS(levels); i++)
		if (g_str_equal(levels[i], level))
			log->level = i;
	if (!*file)
		return log;

	log->fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		       0640);
	if (log->fd < 0)
		fprintf(stderr, "one_vmm_exec: cannot open %s: %s\n", file, g_strerror(errno));

	return log;
}

void driver_log_free(DriverLog *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);

	g_free(log);
}

bool driver_log_wants(const DriverLog *log, char severity)
{
	const char *at = strchr(severities, severity);

	if (!at)
		return false;

	return (size_t)(at - severities) <= log->level;
}

/* As JSON has a string: text_line() left no control character but perhaps DEL. */
static char *json_string(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *s = g_string_new("\"");

	for (const char *p = valid; *p; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_c(s, '\\');
		if ((unsigned char)*p < ' ')
			g_string_append_printf(s, "\\u%04x", (unsigned)*p);
		else
			g_string_append_c(s, *p);
	}

	g_string_append_c(s, '"');

	return g_string_free(s, FALSE);
}

void driver_log_line(DriverLog *log, char severity, gint64 id, const char *kind, const char *text)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *when = g_date_time_format(now, "%FT%T");
	g_autofree char *line = NULL;
	const char *at = strchr(severities, severity);
	const char *level = levels[at ? at - severities : 2];
	int ms = g_date_time_get_microsecond(now) / 1000;

	if (log->fd < 0)
		return;
	if (log->json) {
		g_autofree char *quoted = json_string(text);

		line = g_strdup_printf("{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"kind\":\"%s\","
				       "\"vm\":%" G_GINT64_FORMAT ",\"text\":%s}\n", when, ms,
				       level, kind, id, quoted);
	} else {
		line = g_strdup_printf("%s.%03dZ %-7s %s vm=%" G_GINT64_FORMAT " %s\n", when, ms,
				       level, kind, id, text);
	}

	if (write(log->fd, line, strlen(line)) < 0)
		g_debug("cannot write the log: %s", g_strerror(errno));
}
