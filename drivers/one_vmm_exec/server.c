#include "server.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/program.h"
#include "conf/paths.h"
#include "job.h"
#include "queue.h"
#include "recover.h"
#include "tmpl/request.h"
#include "wire/line.h"
#include "wire/reader.h"

/* oned waits ten seconds for us to go. */
enum { FINISH_MS = 5000, GIVE_UP_MS = 8000, RECOVERY_MS = 1000 };
/* Behind that many a request waits long enough to be worth deflating. */
enum { PACKED_FROM = 128, PACKED_SIZE = 1 << 18, READ_SIZE = 1 << 18, ROOM_MS = 100 };
/* Our own, with those that the start of a process takes for a moment; a job's, of two processes. */
enum { OWN_DESCRIPTORS = 16, JOB_DESCRIPTORS = 8 };

struct server {
	GMainLoop *loop;
	struct job_env env;
	Queue *queue;
	GQueue running;		/* of Job, oldest first */
	unsigned max_running, host_jobs;
	WireReader *reader;
	guint max_queue, max_children;
	gsize waiting, max_waiting;	/* bytes of documents */
	guint room;		/* source id: too many processes run, that is looked at again */
	guint input;		/* source id; 0 when no more is read */
	bool starting;		/* start_jobs() is at work */
	bool stopping;
	bool recovered;
	guint recovery;		/* source id: it begins soon */
	Log *log;
	int status;
};

static void start_jobs(struct server *s);

static void quit_when_idle(struct server *s)
{
	if (s->stopping && !s->running.length)
		g_main_loop_quit(s->loop);
}

static void on_job_done(void *data, Job *job)
{
	struct server *s = data;

	g_queue_remove(&s->running, job);
	queue_done(s->queue, job);
	start_jobs(s);
	quit_when_idle(s);
}

static gboolean on_room(gpointer data)
{
	struct server *s = data;

	s->room = 0;
	start_jobs(s);
	return G_SOURCE_REMOVE;
}

static bool has_room(struct server *s)
{
	if (child_count() < s->max_children || !queue_length(s->queue))
		return true;
	hosts_rest(s->env.hosts);
	if (!s->room)
		s->room = g_timeout_add(ROOM_MS, on_room, s);
	return false;
}

/* Not by recursion: a job may fail, and so end, before job_start() returns. */
static void start_jobs(struct server *s)
{
	Job *job;

	if (s->starting)
		return;
	s->starting = true;
	while (s->running.length < s->max_running && has_room(s) &&
	       (job = queue_start(s->queue))) {
		s->waiting -= job_size(job);
		g_queue_push_tail(&s->running, job);
		job_start(job, on_job_done, s);
	}
	s->starting = false;
}

static char *host_lane(const char *host)
{
	return host ? g_strconcat("host ", host, NULL) : NULL;
}

/*
 * How many jobs HOST may run. While it does not answer no more are tried than those that wait for
 * it, so that all end with the first of them; once it is down they fail at once.
 */
static guint host_capacity(const struct server *s, const char *host)
{
	const Health *health = hosts_health(s->env.hosts);

	if (!host || health_of(health, host) != HEALTH_FAILING)
		return s->host_jobs;
	return CLAMP(health_inflight(health, host), 1, s->host_jobs);
}

static void on_health(void *data, const char *host, enum health_state was, enum health_state now)
{
	struct server *s = data;
	g_autofree char *lane = host_lane(host);

	if (now == HEALTH_DOWN)
		out_log(s->env.out, 'W', -1, "one_vmm_exec: host %s is down", host);
	else if (was == HEALTH_DOWN)
		out_log(s->env.out, 'I', -1, "one_vmm_exec: host %s is up again", host);
	queue_set_capacity(s->queue, lane, host_capacity(s, host));
	start_jobs(s);
}

/* CANCEL need not wait for a SHUTDOWN that has not begun. */
static gint is_held_up(gconstpointer waiting, gconstpointer job)
{
	return !(g_str_equal(job_action(job), "CANCEL") &&
		 g_str_equal(job_action(waiting), "SHUTDOWN") && job_id(job) == job_id(waiting));
}

/* One at a time for each VM; on each host as many as -t says, without -p one. */
static void enqueue(struct server *s, Job *job)
{
	g_autofree char *vm = g_strdup_printf("vm %" G_GINT64_FORMAT, job_id(job));
	g_autofree char *host = host_lane(job_host(job));
	const struct queue_lane lanes[2] = { { vm, 1 }, { host, host_capacity(s, job_host(job)) } };

	s->waiting += job_size(job);
	queue_push(s->queue, lanes, job, is_held_up);
	start_jobs(s);
}

/* GLib skips what is not base64: then it makes less of the text than it should. */
static GBytes *decode(const char *text)
{
	size_t len = strlen(text), padding = 0;
	gsize size;
	guchar *data;

	while (padding < MIN(len, 2) && text[len - 1 - padding] == '=')
		padding++;
	data = g_base64_decode(text, &size);
	if (len % 4 == 0 && size == len / 4 * 3 - padding)
		return g_bytes_new_take(data, size);
	g_free(data);
	return NULL;
}

static void on_request(struct server *s, const struct plan *plan, struct wire_line *line)
{
	g_autoptr(GBytes) document = NULL;
	g_autofree char *host = NULL;
	const char *why = NULL;
	Job *job;

	if (!line->payload)
		why = "the line has no document";
	else if (queue_length(s->queue) >= s->max_queue)
		why = "too many actions wait already (limits.queue)";
	else if (s->waiting >= s->max_waiting)
		why = "too large actions wait already (limits.waiting_bytes)";
	else if (!(document = decode(line->payload)))
		why = "the document is not in base64";
	if (why) {
		out_reply(s->env.out, line->action, false, line->id, why);
		return;
	}
	host = tmpl_request_peek_host(document);
	later_forget(s->env.later, line->id);
	job = job_new(&s->env, plan, line->id, host, document,
		      queue_length(s->queue) >= PACKED_FROM ||
		      (queue_length(s->queue) && g_bytes_get_size(document) >= PACKED_SIZE));
	job_set_seq(job, journal_accept(s->env.journal, plan->action, line->id, line->payload));
	enqueue(s, job);
}

static gint by_id(gconstpointer job, gconstpointer id)
{
	return job_id(job) != *(const gint64 *)id;
}

/* False: none matches. */
static bool drop_waiting(struct server *s, GCompareFunc match, const void *data)
{
	Job *job = queue_remove(s->queue, match, data);

	if (!job)
		return false;
	s->waiting -= job_size(job);
	job_drop(job);
	return true;
}

static void on_driver_cancel(struct server *s, gint64 id)
{
	GList *found = g_queue_find_custom(&s->running, &id, by_id);

	if (found)
		job_cancel(found->data);
	else
		drop_waiting(s, by_id, &id);
	out_log(s->env.out, 'I', id, "Driver command for %" G_GINT64_FORMAT " cancelled", id);
}

static gint any(gconstpointer job G_GNUC_UNUSED, gconstpointer data G_GNUC_UNUSED)
{
	return 0;
}

static void free_waiting(struct server *s)
{
	while (drop_waiting(s, any, NULL))
		;
}

static gboolean on_finish_late(gpointer data)
{
	struct server *s = data;

	for (GList *l = s->running.head; l; l = l->next)
		job_cancel(l->data);
	return G_SOURCE_REMOVE;
}

static gboolean on_give_up(gpointer data)
{
	g_main_loop_quit(((struct server *)data)->loop);
	return G_SOURCE_REMOVE;
}

/* What waits is dropped; what runs may end, and is ended when it takes too long. */
static void stop(struct server *s, int status)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->status = status;
	free_waiting(s);
	g_timeout_add(FINISH_MS, on_finish_late, s);
	g_timeout_add(GIVE_UP_MS, on_give_up, s);
	quit_when_idle(s);
}

static void on_recovered(void *data, Job *job)
{
	enqueue(data, job);
}

/* Said once: whoever reads it can still choose better. */
static void warn_of_tcp(const struct server *s)
{
	const ConfCfg *cfg = s->env.settings->cfg;
	const char *host;

	for (size_t i = 0; (host = conf_cfg_host_name(cfg, i)); i++)
		if (g_str_has_prefix(conf_cfg_host(cfg, host, "uri"), "qemu+tcp:"))
			out_log(s->env.out, 'W', -1, "one_vmm_exec: host %s: qemu+tcp is not "
				"encrypted, and without authentication whoever reaches it is root "
				"there (safer: qemu+tls or qemu+ssh)", host);
}

static gboolean on_recovery(gpointer data)
{
	struct server *s = data;

	s->recovery = 0;
	warn_of_tcp(s);
	if (!s->stopping && journal_left(s->env.journal))
		recover_start(&s->env, on_recovered, s);
	return G_SOURCE_REMOVE;
}

/* oned reads the answer with one read(): nothing may follow it at once. */
static void on_init(struct server *s)
{
	out_init(s->env.out);
	if (!s->recovered)
		s->recovery = g_timeout_add(RECOVERY_MS, on_recovery, s);
	s->recovered = true;
}

static void on_line(void *data, char *text)
{
	struct server *s = data;
	struct wire_line line = { 0 };
	g_autoptr(GError) error = NULL;
	const struct plan *plan;

	if (!wire_line_parse(text, &line, &error)) {
		if (*text)
			out_log(s->env.out, 'W', -1, "one_vmm_exec: malformed message: %s",
				error->message);
		return;
	}
	plan = plan_find(line.action);
	if (g_str_equal(line.action, "INIT"))
		on_init(s);
	else if (g_str_equal(line.action, "FINALIZE"))
		stop(s, 0);
	else if (s->stopping)
		g_debug("%s after FINALIZE", line.action);
	else if (g_str_equal(line.action, "DRIVER_CANCEL"))
		on_driver_cancel(s, line.id);
	else if (plan && plan->key)
		on_request(s, plan, &line);
	else
		out_reply(s->env.out, line.action, false, line.id, "unknown action");
	wire_line_clear(&line);
}

static void on_too_long(void *data, const char *head)
{
	struct server *s = data;
	struct wire_line line = { 0 };

	if (wire_line_parse(head, &line, NULL))
		out_reply(s->env.out, line.action, false, line.id,
			  "the line is too long (limits.line_bytes)");
	wire_line_clear(&line);
}

static const struct wire_reader_events reader_events = { on_line, on_too_long };

static gboolean on_input(gint fd, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	struct server *s = data;
	char bytes[READ_SIZE];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n > 0)
		wire_reader_feed(s->reader, bytes, (size_t)n);
	if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)))
		return G_SOURCE_CONTINUE;
	s->input = 0;
	stop(s, 255);
	return G_SOURCE_REMOVE;
}

static gboolean on_signal(gint fd, GIOCondition what G_GNUC_UNUSED, gpointer data)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		stop(data, 0);
	return G_SOURCE_CONTINUE;
}

/* Not g_unix_signal_add(): GLib would start a thread. Children get an empty mask. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void serve(struct server *s)
{
	int signals = open_signals();
	guint watch = g_unix_fd_add(signals, G_IO_IN, on_signal, s);

	s->input = g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, s);
	g_main_loop_run(s->loop);
	g_source_remove(watch);
	close(signals);
	if (s->input)
		g_source_remove(s->input);
}

static void on_notice(void *data, const char *host, const char *text)
{
	const struct server *s = data;

	out_log(s->env.out, 'W', -1, "one_vmm_exec: host %s %s", host, text);
}

static void on_later(void *data, const char *plan, gint64 id, GBytes *document, unsigned tries)
{
	struct server *s = data;
	g_autofree char *host = tmpl_request_peek_host(document);
	Job *job = job_new(&s->env, plan_find(plan), id, host, document, false);

	job_set_silent(job, tries);
	enqueue(s, job);
}

static char *journal_dir(const struct settings *settings)
{
	const char *set = conf_cfg_string(settings->cfg, "journal.dir");

	return *set ? g_strdup(set) : conf_path_var("vmm_exec");
}

bool server_print_journal(const struct settings *settings, GError **error)
{
	g_autofree char *dir = journal_dir(settings);

	return journal_print(dir, error);
}

/* Without one the driver works all the same. */
static void open_journal(struct server *s)
{
	const ConfCfg *cfg = s->env.settings->cfg;
	g_autofree char *dir = journal_dir(s->env.settings);
	g_autoptr(GError) error = NULL;

	if (!conf_cfg_bool(cfg, "journal.on"))
		return;
	s->env.journal = journal_open(dir, (gsize)conf_cfg_int(cfg, "journal.bytes"), &error);
	if (s->env.journal)
		journal_mark(s->env.journal, hosts_mark(s->env.hosts));
	else
		program_fail("one_vmm_exec: no journal", error);
}

static void write_metrics(const struct server *s)
{
	const char *file = conf_cfg_string(s->env.settings->cfg, "metrics.file");
	g_autoptr(GError) error = NULL;

	if (*file && !metrics_write(s->env.metrics, file, queue_length(s->queue),
				    s->running.length, hosts_health(s->env.hosts), &error))
		g_debug("%s", error->message);
}

static gboolean on_metrics(gpointer data)
{
	write_metrics(data);
	return G_SOURCE_CONTINUE;
}

/* Returns how many we may have then. */
static guint allow_descriptors(rlim_t most)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return (guint)most;
	limit.rlim_cur = MIN(limit.rlim_max, most);
	setrlimit(RLIMIT_NOFILE, &limit);
	return (guint)MIN(limit.rlim_cur, most);
}

/*
 * Processes at which no action begins: limits.children, or so many that one which begins, with its
 * connection and a session of that, still finds descriptors.
 */
static guint max_children(const ConfCfg *cfg, guint descriptors)
{
	guint left = descriptors - MIN(descriptors, OWN_DESCRIPTORS);

	return CLAMP(left / JOB_DESCRIPTORS, 1, (guint)conf_cfg_int(cfg, "limits.children"));
}

static unsigned host_jobs(const struct settings *settings)
{
	unsigned most = (unsigned)conf_cfg_int(settings->cfg, "limits.host");

	return settings->options.parallel ? MIN(settings->options.threads, most) : 1;
}

bool server_run(const struct settings *settings, int *ret_status, GError **error)
{
	struct server s = { .env = { .settings = settings } };
	guint descriptors;

	descriptors = allow_descriptors((rlim_t)conf_cfg_int(settings->cfg, "limits.descriptors"));
	s.env.hosts = hosts_new(settings->cfg, settings->options.shell, settings->remote_dir,
				error);
	if (!s.env.hosts)
		return false;
	s.log = log_new(settings->cfg);
	s.env.out = out_new(STDOUT_FILENO,
			    (size_t)conf_cfg_int(settings->cfg, "limits.info_bytes"), s.log);
	s.env.metrics = metrics_new();
	open_journal(&s);
	s.env.later = later_new((unsigned)conf_cfg_int(settings->cfg, "clean.pause_s"),
				(unsigned)conf_cfg_int(settings->cfg, "clean.tries"), on_later, &s);
	s.loop = g_main_loop_new(NULL, FALSE);
	s.queue = queue_new();
	s.reader = wire_reader_new((size_t)conf_cfg_int(settings->cfg, "limits.line_bytes"),
				   &reader_events, &s);
	s.max_queue = (guint)conf_cfg_int(settings->cfg, "limits.queue");
	s.max_children = max_children(settings->cfg, descriptors);
	s.env.places = places_new(MIN(settings->options.threads, s.max_children));
	s.max_waiting = (gsize)conf_cfg_int(settings->cfg, "limits.waiting_bytes");
	s.max_running = (unsigned)conf_cfg_int(settings->cfg, "limits.running");
	s.host_jobs = host_jobs(settings);
	g_queue_init(&s.running);
	hosts_listen(s.env.hosts, on_notice, &s);
	health_listen(hosts_health(s.env.hosts), on_health, &s);
	if (*conf_cfg_string(settings->cfg, "metrics.file"))
		g_timeout_add_seconds((guint)conf_cfg_int(settings->cfg, "metrics.interval_s"),
				      on_metrics, &s);
	serve(&s);
	*ret_status = s.status;
	write_metrics(&s);
	free_waiting(&s);
	g_queue_clear(&s.running);	/* given up: they go with the process */
	queue_free(s.queue);
	places_free(s.env.places);
	later_free(s.env.later);
	journal_close(s.env.journal);
	metrics_free(s.env.metrics);
	out_free(s.env.out);
	log_free(s.log);
	hosts_free(s.env.hosts);
	wire_reader_free(s.reader);
	g_main_loop_unref(s.loop);
	return true;
}
