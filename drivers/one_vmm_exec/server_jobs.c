/* SPDX-License-Identifier: Apache-2.0 */
#include "server_state.h"

/*
 * Descriptors of our own, with those that the start of a process needs for a moment; those of a job
 * with two processes.
 */
enum { OWN_DESCRIPTORS = 16, JOB_DESCRIPTORS = 8 };
enum { ROOM_MS = 100 };

void server_quit_when_idle(struct server *s)
{
	if (s->stopping && !s->running.length)
		g_main_loop_quit(s->loop);
}

static void on_job_over(void *data, Job *job)
{
	struct server *s = data;

	s->at_work--;
	lane_queue_done(s->queue, job);
	server_start_jobs(s);
}

static void on_job_done(void *data, Job *job)
{
	struct server *s = data;

	g_queue_remove(&s->running, job);
	server_quit_when_idle(s);
}

struct begun {
	gint64 id;
	GBytes *own;
};

static gint by_void_cleanup(gconstpointer waiting, gconstpointer data)
{
	const struct begun *begun = data;

	return !(job_id(waiting) == begun->id && job_is_cleanup_of_other(waiting, begun->own));
}

/*
 * All clean-ups of the VM are left by earlier actions than JOB, whenever they became due, as they
 * share a lane with it; none of them runs. But a JOB that an earlier driver had begun may have left
 * clean-ups itself: these stay.
 */
static void on_job_begun(void *data, Job *job)
{
	g_autoptr(GBytes) own = job_left_document(job);
	const struct begun begun = { job_id(job), own };
	struct server *s = data;
	Job *cleanup;

	cleanup_retry_drop(s->env.later, begun.id, own);
	while ((cleanup = server_take_waiting(s, by_void_cleanup, &begun)))
		job_drop_cleanup(cleanup);
}

static const struct job_events job_events = { on_job_begun, on_job_over, on_job_done };

static gboolean on_room(gpointer data)
{
	struct server *s = data;

	s->room = 0;
	server_start_jobs(s);

	return G_SOURCE_REMOVE;
}

/* Processes of ours, with those of the jobs that only wait for the journal. */
static guint processes(const struct server *s)
{
	guint n = child_count();

	for (GList *l = s->running.head; l; l = l->next)
		n += job_is_about_to_run(l->data);

	return n;
}

static bool has_room(struct server *s)
{
	if (processes(s) < s->max_children)
		return true;
	if (!lane_queue_length(s->queue))
		return true;

	remote_hosts_close_idle(s->env.hosts);
	if (!s->room)
		s->room = g_timeout_add(ROOM_MS, on_room, s);

	return false;
}

/* Not by recursion: a job may fail, and so end, before job_start() returns. */
void server_start_jobs(struct server *s)
{
	Job *job;

	if (s->starting || s->stopping)
		return;

	s->starting = true;
	while (s->at_work < s->max_running && has_room(s) && (job = lane_queue_start(s->queue))) {
		s->waiting -= job_size(job);
		g_queue_push_tail(&s->running, job);
		s->at_work++;
		job_start(job, &job_events, s);
	}

	s->starting = false;
}

static char *host_lane(const char *host)
{
	if (host)
		return g_strconcat("host ", host, NULL);

	return NULL;
}

/*
 * How many jobs HOST may run. While it does not answer, no further jobs are started beside those
 * that wait for it, so that all end with the first of them; once it is down, jobs fail at once.
 */
static guint host_capacity(const struct server *s, const char *host)
{
	const HostHealth *health = remote_hosts_health(s->env.hosts);

	if (!host || host_health_of(health, host) != HEALTH_FAILING)
		return s->host_jobs;

	return CLAMP(host_health_inflight(health, host), 1, s->host_jobs);
}

void server_on_health(void *data, const char *host, enum host_health_state was,
		      enum host_health_state now)
{
	struct server *s = data;
	g_autofree char *lane = host_lane(host);

	if (now == HEALTH_DOWN)
		oned_log(s->env.out, 'W', -1, "one_vmm_exec: host %s is down", host);
	else if (was == HEALTH_DOWN)
		oned_log(s->env.out, 'I', -1, "one_vmm_exec: host %s is up again", host);

	lane_queue_set_capacity(s->queue, lane, host_capacity(s, host));
	server_start_jobs(s);
}

/* CANCEL need not wait for a SHUTDOWN that has not begun. */
static gint is_held_up(gconstpointer waiting, gconstpointer job)
{
	return !(g_str_equal(job_action(job), "CANCEL") &&
		 g_str_equal(job_action(waiting), "SHUTDOWN") && job_id(job) == job_id(waiting));
}

/*
 * One at a time for each VM; on each host as many as -t says, without -p one. HELD: not before it
 * is released.
 */
void server_enqueue(struct server *s, Job *job, bool held)
{
	g_autofree char *vm = g_strdup_printf("vm %" G_GINT64_FORMAT, job_id(job));
	g_autofree char *host = host_lane(job_host(job));
	const struct lane_queue_lane lanes[2] = { { vm, 1 },
						  { host, host_capacity(s, job_host(job)) } };

	s->waiting += job_size(job);
	lane_queue_push(s->queue, lanes, job, is_held_up, held);
	server_start_jobs(s);
}

/* NULL: none matches. */
Job *server_take_waiting(struct server *s, GCompareFunc match, const void *data)
{
	Job *job = lane_queue_remove(s->queue, match, data);

	if (job)
		s->waiting -= job_size(job);

	return job;
}

static gint make_waiting_stale(gconstpointer job, gconstpointer none G_GNUC_UNUSED)
{
	job_make_stale((Job *)job);

	return 1;
}

static gint by_cleanup(gconstpointer job, gconstpointer none G_GNUC_UNUSED)
{
	return !job_is_cleanup_of_other(job, NULL);
}

void server_make_stale(struct server *s)
{
	Job *cleanup;

	journal_make_stale(s->env.journal);
	cleanup_retry_give_all_up(s->env.later);
	while ((cleanup = server_take_waiting(s, by_cleanup, NULL)))
		job_give_cleanup_up(cleanup);

	lane_queue_find(s->queue, make_waiting_stale, NULL);
	for (GList *l = s->running.head; l; l = l->next)
		job_make_stale(l->data);
}

/* The journal has them: the next driver answers. */
void server_free_waiting(struct server *s)
{
	Job *job;

	while ((job = server_take_waiting(s, NULL, NULL)))
		job_leave_waiting(job);
}

/*
 * The number of processes at which no further action begins: limits.children, or fewer, so that an
 * action that begins still finds descriptors for its connection and a session of that.
 */
guint server_max_children(const ConfCfg *cfg, guint descriptors)
{
	guint left = descriptors - MIN(descriptors, OWN_DESCRIPTORS);

	return CLAMP(left / JOB_DESCRIPTORS, 1, (guint)conf_cfg_int(cfg, "limits.children"));
}

unsigned server_host_jobs(const struct driver_settings *settings)
{
	unsigned most = (unsigned)conf_cfg_int(settings->cfg, "limits.host");

	if (settings->options.parallel)
		return MIN(settings->options.threads, most);

	return 1;
}
