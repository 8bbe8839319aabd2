/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - runs a program in a process group of its own, with input, a time
 * limit and bounded output, on a GMainLoop and without threads.
 *
 * Not g_spawn_async(): it cannot set the process group without code between
 * fork and exec, and an ssh that times out must be killed together with its children.
 */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include "base/error.h"

typedef struct child Child;

/* Called from the loop whenever CHILD has written something to stdout. */
typedef void child_progress(void *data, Child *child, const GString *out);

/* Called from the loop with what CHILD has written to stdout, of which then nothing is kept. */
typedef void child_reader(void *data, Child *child, const char *bytes, size_t len);

struct child_spec;

/*
 * Makes SPEC's process in another way than posix_spawn(): our child, in a process group of its
 * own, with FDS (-1: /dev/null) as stdin, stdout and stderr. 0: it has begun nothing, and never
 * will.
 */
typedef int child_starter(void *starter_data, const struct child_spec *spec, const int fds[3]);

struct child_spec {
	const char *const *argv;	/* NULL-terminated; argv[0] is searched in PATH */
	const char *cwd;		/* NULL: ours */
	const char *const *env;		/* NULL: ours */
	GBytes *input;			/* for its stdin; NULL: /dev/null */
	int input_fd, output_fd;	/* its stdin and stdout, which are closed here; 0: none */
	bool hold_input;		/* keep its stdin open after INPUT until it has ended */
	child_progress *progress;	/* or NULL */
	child_reader *reader;		/* or NULL */
	child_starter *starter;		/* asked first; or NULL */
	void *starter_data;
	unsigned timeout_ms;		/* 0: none */
	unsigned grace_ms;		/* from SIGTERM to SIGKILL after a time-out; 0: 2000 */
	int nice;			/* how much nicer than we are it shall be */
	guint64 max_memory;		/* bytes of address space that it may have; 0: no limit */
	unsigned max_cpu_s;		/* seconds of CPU time that it may use; 0: no limit */
	size_t max_output;		/* bytes kept of stdout and of stderr; 0: 1 MiB */
};

struct child_result {
	int exit_status;	/* 0 to 255, or -1 when a signal ended it */
	int signal;		/* which, or 0 */
	bool timed_out;		/* the time limit passed, so we ended it */
	bool cancelled;		/* child_cancel() ended it */
	GString *out, *err;	/* what it wrote, NUL-terminated; of too much not the middle */
	size_t out_dropped;	/* how many bytes of stdout that is */
	gint64 wall_us;		/* from start to end */
};

/* Called once, from the loop; RESULT and its strings are valid until it returns. */
typedef void child_done(void *data, const struct child_result *result);

/*
 * Starts SPEC, all of which may be freed afterwards. stdout and stderr are
 * read until the program has ended and either both are closed or half a
 * second has passed (a daemon that it left behind may hold them open).
 * NULL with ERROR set when it could not be started; DONE is then not called.
 */
Child *child_start(const struct child_spec *spec, child_done *done, void *data, GError **error);

/* Ends a running child's process group: SIGTERM, later SIGKILL. DONE follows. */
void child_cancel(Child *child);

/* Sends SIG to the process group and forgets the child: DONE is not called. */
void child_abandon(Child *child, int sig);

/* Queues BYTES (a reference is kept) for the stdin of one that was started with hold_input. */
void child_write(Child *child, GBytes *bytes);

/* Of what was queued, bytes that its stdin has not taken yet. */
size_t child_unwritten(const Child *child);

/* How many of ours have not ended. */
unsigned child_count(void);

/* Its process id, which is its process group too. */
int child_pid(const Child *child);

/* Makes the first thread of PID NICE nicer than we are, and what that starts from then on. */
void child_make_nice(int pid, int nice);

/* Runs SPEC until it ends, on a loop of its own. False: it could not be started. */
bool child_run(const struct child_spec *spec, struct child_result *ret, GError **error);

/*
 * Starts SPEC's argv with its env and cwd alone, FDS as its stdin, stdout and stderr, and waits for
 * nothing: the caller reaps PID. errno, or 0.
 */
int child_spawn(int *ret_pid, const struct child_spec *spec, const int fds[3]);

/*
 * Starts ARGV in a session of its own, with /dev/null as stdin, stdout and stderr. It survives
 * this process and is not waited for. ENV NULL: inherits our environment.
 */
bool child_detach(const char *const *argv, const char *const *env, GError **error);

/* Frees the strings of a child_run() result. */
void child_result_clear(struct child_result *result);

/*
 * Judges RESULT: true for exit status 0, else ERROR names NAME and says how it
 * ended, with the last line of its stderr.
 */
bool child_result_check(const struct child_result *result, const char *name, GError **error);

#endif
