/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_log.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <unistd.h>

#include "base/deadline.h"

static const char severities[] = "EWID";
static const char *const levels[] = { "error", "warning", "info", "debug" };

/* More than so many lines wait for a journal that hangs: those that follow are lost. */
enum { MAX_ENTRIES = 1000 };

/* How long the driver's end waits for the journal to take the last lines. */
enum { END_MS = 500, PAUSE_MS = 10 };

/* A line for systemd's journal. */
struct entry {
	const char *priority, *kind;
	char *vm, *text;
};

struct driver_log {
	int fd;			/* -1: none */
	GThreadPool *journal;	/* of struct entry, for systemd's; NULL: not used */
	bool json;
	size_t level;		/* index of SEVERITIES: the last that is wanted */
};

static void open_file(DriverLog *log, const char *file)
{
	log->fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		       0640);
	if (log->fd < 0)
		fprintf(stderr, "one_vmm_exec: cannot open %s: %s\n", file, g_strerror(errno));
}

static void close_file(DriverLog *log)
{
	if (log->fd >= 0)
		close(log->fd);

	log->fd = -1;
}

/* Runs on a thread: systemd's journal may hang, which must not stop the driver. */
static void send_entry(void *data, void *user_data G_GNUC_UNUSED)
{
	struct entry *e = data;
	const GLogField fields[] = {
		{ "MESSAGE", e->text, -1 }, { "PRIORITY", e->priority, -1 },
		{ "SYSLOG_IDENTIFIER", "one_vmm_exec", -1 }, { "VMMEXEC_KIND", e->kind, -1 },
		{ "VMMEXEC_VM", e->vm, -1 },
	};

	g_log_writer_journald(G_LOG_LEVEL_MESSAGE, fields, G_N_ELEMENTS(fields), NULL);
	g_free(e->text);
	g_free(e->vm);
	g_free(e);
}

/* The thread may hang: it is waited for only a little. */
static void close_journal(DriverLog *log)
{
	gint64 until_us = deadline_in_ms(END_MS);

	while (log->journal && g_thread_pool_unprocessed(log->journal))
		if (!deadline_pause(until_us, PAUSE_MS))
			break;

	if (log->journal)
		g_thread_pool_free(log->journal, TRUE, FALSE);
	log->journal = NULL;
}

static void open_journal(DriverLog *log)
{
	if (!log->journal)
		log->journal = g_thread_pool_new(send_entry, NULL, 1, TRUE, NULL);
}

void driver_log_reopen(DriverLog *log, const ConfCfg *cfg)
{
	bool to_journal;

	const char *file = conf_cfg_string(cfg, "log.file");
	const char *level = conf_cfg_string(cfg, "log.level");

	close_file(log);
	log->json = conf_cfg_bool(cfg, "log.json");
	to_journal = g_str_equal(file, "journal");
	log->level = 2;
	for (size_t i = 0; i < G_N_ELEMENTS(levels); i++)
		if (g_str_equal(levels[i], level))
			log->level = i;
	if (to_journal)
		open_journal(log);
	else
		close_journal(log);
	if (*file && !to_journal)
		open_file(log, file);
}

DriverLog *driver_log_new(const ConfCfg *cfg)
{
	DriverLog *log = g_new0(DriverLog, 1);

	log->fd = -1;
	driver_log_reopen(log, cfg);

	return log;
}

void driver_log_free(DriverLog *log)
{
	if (!log)
		return;

	close_file(log);
	close_journal(log);
	g_free(log);
}

bool driver_log_wants(const DriverLog *log, char severity)
{
	const char *at = strchr(severities, severity);

	if (!at)
		return false;

	return (size_t)(at - severities) <= log->level;
}

/* One line, with its end. The caller frees. */
static char *object_line(const char *when, const char *level, gint64 id, const char *kind,
			 const char *text)
{
	json_object *o = json_object_new_object();
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	char *line;

	json_object_object_add(o, "time", json_object_new_string(when));
	json_object_object_add(o, "level", json_object_new_string(level));
	json_object_object_add(o, "kind", json_object_new_string(kind));
	json_object_object_add(o, "vm", json_object_new_int64(id));
	json_object_object_add(o, "text", json_object_new_string(valid));
	line = g_strdup_printf("%s\n",
			       json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);

	return line;
}

/* systemd's journal has its own times and levels; the VM is a field that one can ask for. */
static void send_to_journal(DriverLog *log, char severity, gint64 id, const char *kind,
			    const char *text)
{
	static const char *const priorities[] = { "3", "4", "6", "7" };	/* syslog's */
	const char *at = strchr(severities, severity);
	struct entry *e;

	if (g_thread_pool_unprocessed(log->journal) >= MAX_ENTRIES)
		return;

	e = g_new(struct entry, 1);
	*e = (struct entry){ priorities[at ? at - severities : 2], kind,
			     g_strdup_printf("%" G_GINT64_FORMAT, id), g_strdup(text) };
	g_thread_pool_push(log->journal, e, NULL);
}

void driver_log_line(DriverLog *log, char severity, gint64 id, const char *kind, const char *text)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *second = g_date_time_format(now, "%FT%T");
	g_autofree char *when = g_strdup_printf("%s.%03dZ", second,
						g_date_time_get_microsecond(now) / 1000);
	g_autofree char *line = NULL;
	const char *at = strchr(severities, severity);
	const char *level = levels[at ? at - severities : 2];

	if (log->journal)
		send_to_journal(log, severity, id, kind, text);
	if (log->fd < 0)
		return;
	if (log->json)
		line = object_line(when, level, id, kind, text);
	else
		line = g_strdup_printf("%s %-7s %s vm=%" G_GINT64_FORMAT " %s\n", when, level,
				       kind, id, text);
	if (write(log->fd, line, strlen(line)) < 0)
		g_debug("cannot write the log: %s", g_strerror(errno));
}
