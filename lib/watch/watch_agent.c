/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/watch_agent.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/text.h"
#include "watch/agent_pid.h"
#include "watch/renewal.h"
#include "watch/sender.h"
#include "watch/state_watch.h"
#include "watch/watch_faults.h"
#include "watch/watch_thread.h"

/* The answer leaves time to pass it on; states of a busy host have more. */
enum { ANSWER_MS = 1800, STATES_MS = 10000, SAMPLE_US = 1000000, GRACE_S = 30 };
enum { METRICS_S = 15 };

struct agent {
	const MonitordStart *start;
	GMainLoop *loop;
	WatchSets *sets;
	VirtLink *link;			/* for all but states, which thus never wait for a guest */
	StateWatch *states;
	Sender *sender;
	bool busy[MONITORD_SETS];	/* being made */
	bool once[MONITORD_SETS];	/* was made before */
	bool answered;
	bool is_due;			/* as soon as the states are there */
	char *answer[MONITORD_SETS];	/* until then */
	char *results;			/* of programs in guests, not sent for sure; or NULL */
	char *memory;			/* path of the file of known VMs */
	const char *directory;		/* of that and other files */
	Renewal *renewal;
	WatchMetrics *metrics;
	char *failure;			/* why it cannot be answered */
};

/* A set that is being made. */
struct making_set {
	struct agent *agent;
	enum monitord_set_id id;
	virConnect *conn;
	bool is_first;
	char *text;
	GError *error;
};

static void log_probe(const char *text)
{
	syslog(LOG_WARNING, "%s", text);
}

static void agent_log(const char *text, void *data G_GNUC_UNUSED)
{
	syslog(LOG_WARNING, "%s", text);
}

/* Until it has answered, its stderr is that of the program that started it. */
static void log_fault(const char *text)
{
	syslog(LOG_WARNING, "%s", text);
	fprintf(stderr, "monitord-client: %s\n", text);
}

static bool is_complete(const struct agent *a)
{
	for (size_t i = 0; i < MONITORD_SETS; i++)
		if (monitord_sets[i].at_start && !a->answer[i])
			return false;

	return true;
}

static void print_answer(const struct agent *a)
{
	printf("<MONITOR_MESSAGES>");
	for (size_t i = 0; i < MONITORD_SETS; i++) {
		const char *name = monitord_sets[i].message;
		g_autofree char *base64 = NULL;

		if (!a->answer[i])
			continue;
		base64 = g_base64_encode((const guchar *)a->answer[i], strlen(a->answer[i]));
		printf("<%s>%s</%s>\n", name, base64, name);
	}

	printf("<TIMESTAMP>%" G_GINT64_FORMAT "</TIMESTAMP></MONITOR_MESSAGES>\n",
	       g_get_real_time() / G_USEC_PER_SEC);
	fflush(stdout);
}

/* The control program reads the answer to its end. */
static void let_go(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
	setsid();
}

/* A set that is not ready yet follows as a message; without the states it is no answer. */
static void answer(struct agent *a)
{
	if (a->answered)
		return;

	a->answered = true;
	if (!a->failure && !a->answer[SET_STATE_VM])
		a->failure = g_strdup("libvirt does not answer");
	if (a->failure) {
		g_main_loop_quit(a->loop);
		return;
	}

	print_answer(a);
	let_go();
	state_watch_sent(a->states, true);
}

/* Guests tell a result only once: what did not arrive goes out again with the next. */
static void send_results(struct agent *a, const char *text)
{
	char *all = g_strconcat(text_or(a->results, ""), text, NULL);

	g_free(a->results);
	a->results = all;
	sender_send(a->sender, SET_EXEC_VM, true, all);
}

static void take_text(struct agent *a, enum monitord_set_id id, bool ok, const char *text)
{
	if (a->answered && ok && id == SET_EXEC_VM) {
		send_results(a, text);
		return;
	}

	if (a->answered) {
		sender_send(a->sender, id, ok, text);
		return;
	}

	if (ok) {
		g_free(a->answer[id]);
		a->answer[id] = g_strdup(text);
	} else if (!a->failure) {
		a->failure = g_strdup(text);
	}

	if (a->failure || is_complete(a) || (a->is_due && a->answer[SET_STATE_VM]))
		answer(a);
}

/* state_watch reports the states that libvirt knows. */
static Fields *make_fields(struct making_set *m)
{
	WatchSets *sets = m->agent->sets;
	unsigned period_s = m->agent->start->period_s[m->id];

	if (m->id == SET_STATE_RUN)
		return watch_sets_make_run(sets, SET_STATE_VM, period_s, &m->error);

	return watch_sets_make(sets, m->id, m->conn, period_s, &m->error);
}

static void make_it(void *data)
{
	struct making_set *m = data;
	g_autoptr(Fields) fields = NULL;

	/* Percentages need two looks at the CPU's time. */
	if (m->is_first && m->conn && m->id == SET_MONITOR_VM)
		watch_sets_begin(m->agent->sets, m->conn, NULL);
	if (m->is_first && (m->id == SET_MONITOR_VM || m->id == SET_MONITOR_HOST))
		g_usleep(SAMPLE_US);

	fields = make_fields(m);
	if (fields)
		m->text = fields_template(fields);
	if (m->id == SET_MONITOR_VM && watch_sets_left_hanging(m->agent->sets))
		virt_link_renew(m->agent->link, m->conn);
	if (m->conn)
		virConnectClose(m->conn);
}

static void set_made(void *data)
{
	struct making_set *m = data;
	struct agent *a = m->agent;
	bool is_owed = m->id == SET_EXEC_VM && a->results;

	a->busy[m->id] = false;
	if (m->id == SET_MONITOR_VM && a->answered)
		watch_sets_tick(a->sets);
	if (vmm_is(m->error, VMM_ERROR_CONFIG))
		take_text(a, m->id, false, m->error->message);
	else if (m->error)
		agent_log(m->error->message, a);
	else if (*m->text || !a->answered || is_owed)
		take_text(a, m->id, true, m->text);
	g_clear_error(&m->error);
	g_free(m->text);
	g_free(m);
}

/* Sets that have something to say only now and then need no thread until they do. */
static bool is_idle(const struct agent *a, enum monitord_set_id id)
{
	if (id == SET_STATE_RUN)
		return !watch_sets_run(a->sets, SET_STATE_VM);
	if (id == SET_SNAPSHOT_VM)
		return !watch_sets_run(a->sets, id);
	if (id != SET_EXEC_VM || a->results)
		return false;

	return !watch_sets_need_libvirt(id) && !watch_sets_run(a->sets, id);
}

/* While a set hangs, it is not made a second time. */
static void make_set(struct agent *a, enum monitord_set_id id)
{
	bool needs_libvirt = watch_sets_need_libvirt(id);
	struct making_set *m;
	virConnect *conn = NULL;

	if (a->busy[id] || is_idle(a, id))
		return;
	if (needs_libvirt)
		conn = virt_link_conn(a->link);
	if (needs_libvirt && !conn) {
		/*
		 * OpenNebula's own probes fail in this case, too. Other sets are left out, or
		 * reported by a warning.
		 */
		if (id == SET_SYSTEM_HOST && a->answered)
			take_text(a, id, false, "libvirt does not answer");
		return;
	}

	m = g_new0(struct making_set, 1);
	*m = (struct making_set){ .agent = a, .id = id, .conn = conn, .is_first = !a->once[id] };
	a->busy[id] = a->once[id] = true;
	watch_thread_run(make_it, set_made, m);
}

struct period {
	struct agent *agent;
	enum monitord_set_id id;
};

static gboolean on_set_period(gpointer data)
{
	const struct period *p = data;

	if (p->agent->answered)
		make_set(p->agent, p->id);

	return G_SOURCE_CONTINUE;
}

static void begin_period(struct agent *a, enum monitord_set_id id)
{
	struct period *p = g_new(struct period, 1);

	*p = (struct period){ a, id };
	g_timeout_add_full(G_PRIORITY_DEFAULT, a->start->period_s[id] * 1000, on_set_period, p,
			   g_free);
}

/* libvirt is there, or there again. */
static void on_up(void *data)
{
	struct agent *a = data;

	watch_sets_forget(a->sets);
	make_set(data, SET_SYSTEM_HOST);
	make_set(data, SET_MONITOR_VM);
}

/* Files that cannot be written are part of what the host is, which is not known without libvirt. */
static void say_faults(struct agent *a)
{
	virConnect *conn = virt_link_conn(a->link);

	if (!conn)
		return;

	virConnectClose(conn);
	if (!a->busy[SET_SYSTEM_HOST] && watch_faults_changed())
		make_set(a, SET_SYSTEM_HOST);
}

static gboolean on_look_for_new(gpointer data)
{
	struct agent *a = data;

	agent_pid_keep(a->directory);
	if (!a->answered)
		return G_SOURCE_CONTINUE;

	say_faults(a);
	renewal_look(a->renewal);

	return G_SOURCE_CONTINUE;
}

static gboolean on_metrics(gpointer data)
{
	const struct agent *a = data;
	virConnect *conn = virt_link_conn(a->link);
	struct watch_counts counts;

	watch_sets_count(a->sets, &counts);
	watch_metrics_write(a->metrics, &counts, conn != NULL);
	if (conn)
		virConnectClose(conn);

	return G_SOURCE_CONTINUE;
}

static gboolean on_usr1(gpointer data)
{
	make_set(data, SET_SYSTEM_HOST);

	return G_SOURCE_CONTINUE;
}

static gboolean on_term(gpointer data)
{
	struct agent *a = data;

	g_main_loop_quit(a->loop);

	return G_SOURCE_CONTINUE;
}

static gboolean on_limit(gpointer data)
{
	struct agent *a = data;

	a->is_due = true;
	if (a->answer[SET_STATE_VM])
		answer(a);

	return G_SOURCE_REMOVE;
}

static gboolean on_last_limit(gpointer data)
{
	answer(data);

	return G_SOURCE_REMOVE;
}

/* A site may have removed the probe of states, or have one of its own in its place. */
static void send_states(bool ok, const char *text, void *data)
{
	struct agent *a = data;

	if (watch_sets_answer(a->sets, SET_STATE_VM))
		take_text(a, SET_STATE_VM, ok, text);
	else if (a->answered)
		state_watch_sent(a->states, true);
	else
		take_text(a, SET_STATE_VM, true, "");
}

static void on_wild(void *data)
{
	make_set(data, SET_SYSTEM_HOST);
}

static void on_sent(const struct monitord_head *head, const GError *error, void *data)
{
	struct agent *a = data;

	if (error)
		agent_log(error->message, a);
	watch_metrics_sent(a->metrics, head->set, error == NULL);
	if (head->set == SET_EXEC_VM && !error)
		g_clear_pointer(&a->results, g_free);
	if (head->set == SET_STATE_VM && head->ok)
		state_watch_sent(a->states, error == NULL);
}

static void begin(struct agent *a, const struct watch_place *place,
		  const struct agent_rules *rules)
{
	static const struct virt_link_calls link_calls = { .up = on_up };
	static const struct state_watch_calls state_calls = { send_states, on_wild, agent_log };
	gint64 period_us = (gint64)a->start->period_s[SET_STATE_VM] * G_USEC_PER_SEC;
	const struct state_watch_place states = {
		.uri = place->uri, .memory = a->memory, .period_us = period_us,
		.sync_us = (gint64)a->start->sync_s * G_USEC_PER_SEC,
	};
	const struct vm_table_rules table_rules = {
		.missing_us = rules->times_missing * period_us,
		.passing_max_us = 2 * period_us,
		.grace_us = (gint64)GRACE_S * G_USEC_PER_SEC, .at_once = rules->off_at_once,
	};

	for (int i = 0; i < MONITORD_SETS; i++)
		if (i != SET_STATE_VM)
			begin_period(a, (enum monitord_set_id)i);
	g_timeout_add((guint)(period_us / 1000), on_look_for_new, a);
	g_timeout_add(ANSWER_MS, on_limit, a);
	g_timeout_add(STATES_MS, on_last_limit, a);
	a->states = state_watch_new(&states, &table_rules, &state_calls, a);
	a->link = virt_link_new(place->uri, &link_calls, a);
	if (rules->metrics) {
		on_metrics(a);
		g_timeout_add_seconds(METRICS_S, on_metrics, a);
	}

	make_set(a, SET_MONITOR_HOST);
}

/* Before others can know our id: else a signal could end us. */
static void take_signals(struct agent *a)
{
	sigset_t set;

	g_unix_signal_add(SIGUSR1, on_usr1, a);
	g_unix_signal_add(SIGTERM, on_term, a);
	g_unix_signal_add(SIGINT, on_term, a);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* This process is about to become another program: data that is not written yet would be lost. */
static void leave_sets(void *data)
{
	const struct agent *a = data;

	watch_sets_end(a->sets);
}

/* What threads use is not freed: the process ends. */
int agent_run(const struct watch_place *place, const MonitordStart *start,
	      const struct agent_rules *rules, GError **error)
{
	struct agent *a = g_new0(struct agent, 1);

	/*
	 * libvirt's events are sources of the default context, too, and the thread that runs them
	 * would also call what is ours, before all of it is there: this thread keeps the context.
	 */
	g_main_context_acquire(NULL);
	openlog("monitord-client", LOG_PID, LOG_DAEMON);
	watch_faults_log_to(log_fault);
	a->start = start;
	a->directory = place->directory;
	a->memory = g_strdup_printf("%s/states-%" G_GINT64_FORMAT, place->directory,
				    start->host_id);
	a->loop = g_main_loop_new(NULL, FALSE);
	a->sets = watch_sets_new(place, log_probe);
	a->metrics = watch_metrics_new(rules->metrics);
	a->renewal = renewal_new(place->set, rules->argv, start->text, log_probe, leave_sets, a);
	take_signals(a);
	if (!agent_pid_take(place->directory, error))
		return 1;
	a->sender = sender_new(start, on_sent, a, error);
	if (!a->sender)
		return 1;

	a->answered = renewal_has_been();
	begin(a, place, rules);
	g_main_loop_run(a->loop);
	watch_sets_end(a->sets);
	agent_pid_release();
	if (!a->failure)
		return 0;

	vmm_fail(error, VMM_ERROR_CONNECTION, "cannot watch this host: %s", a->failure);

	return 1;
}
