/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_state.h - shared by the files of the server: server.c (starts and ends the driver),
 * server_input.c (reads oned's lines), server_jobs.c (decides which action runs when) and
 * server_reload.c (SIGHUP).
 */
#ifndef ONE_VMM_EXEC_SERVER_STATE_H
#define ONE_VMM_EXEC_SERVER_STATE_H

#include "job.h"
#include "lane_queue.h"
#include "loop_pause.h"
#include "wire/line_reader.h"

struct server {
	GMainLoop *loop;
	struct driver_settings *settings;	/* borrowed; those of ENV */
	struct job_env env;
	LaneQueue *queue;
	GQueue running;   /* of Job, oldest first */
	unsigned at_work; /* of RUNNING, those whose events.over is still to come */
	unsigned max_running, host_jobs;
	LineReader *reader;
	guint max_queue, max_children;
	gsize waiting, max_waiting; /* bytes of documents */
	guint room;                 /* source id: too many processes run, checks that again */
	guint input;                /* source id; 0 when no more is read: after FINALIZE, say */
	bool starting;              /* in server_start_jobs() */
	bool stopping;
	bool expects_recovery;
	bool recovering;  /* jobs of an earlier driver are being resumed */
	guint recovery;   /* source id: it begins soon */
	GPtrArray *found; /* rows of the journal that recovery will resume; or NULL */
	DriverLog *log;
	GError *no_journal; /* why there is none; or NULL */
	LoopPause *pause;
	int status;
};

/* Makes what server_input_start() needs; server_input_close() frees it. */
void server_input_open(struct server *server);
void server_input_close(struct server *server);

/* Reads oned's lines from standard input in the main loop, until server_input_stop(). */
void server_input_start(struct server *server);
void server_input_stop(struct server *server);

/* Reads what oned has written by now: before the driver ends, say. */
void server_input_rest(struct server *server);

/* Ends the driver with STATUS: at once if no job runs, else in some seconds. */
void server_stop(struct server *server, int status);

/* The first line has come: jobs that an earlier driver left are resumed soon. */
void server_expect_recovery(struct server *server);

/* Starts as many of the waiting jobs as may run now: none once the server is stopping. */
void server_start_jobs(struct server *server);

/* Ends the loop if the server is stopping and no job runs. */
void server_quit_when_idle(struct server *server);

/*
 * Queues JOB: one at a time runs for each VM, and on each host as many as -t says, without -p one.
 * HELD: not before it is released.
 */
void server_enqueue(struct server *server, Job *job, bool held);

/* Takes the first waiting job that MATCHes DATA; NULL: none does. The caller frees. */
Job *server_take_waiting(struct server *server, GCompareFunc match, const void *data);

/* No driver was running for long, as this one was stopped: nothing that it has is continued. */
void server_make_stale(struct server *server);

/* Leaves the waiting jobs: see job_leave_waiting(). */
void server_free_waiting(struct server *server);

/* Takes the limits of actions out of the settings. */
void server_read_limits(struct server *server);

/* Reads vmm_exec.cfg again and opens the log again; what has come of that is in the log. */
void server_reload(struct server *server);

/* For host_health_listen(). */
void server_on_health(void *server, const char *host, enum host_health_state was,
		      enum host_health_state now);

/* The number of child processes at which no further action begins. */
guint server_max_children(const ConfCfg *cfg, guint descriptors);

/* Actions at once on one host. */
unsigned server_host_jobs(const struct driver_settings *settings);

#endif
