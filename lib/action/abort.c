/* SPDX-License-Identifier: Apache-2.0 */
#include "action/abort.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

/* What to write and how to exit; never freed, since the handler may be reading it. */
struct ending {
	struct ending *older;
	char *out, *err;
	size_t out_len, err_len;
	int status;
};

static struct {
	const char *action;
	unsigned seconds;
	bool json;
	struct ending *endings;	/* all that were made */
	/* Read by the handler. */
	struct ending *on_deadline, *on_stop;
	unsigned grace_s;	/* 0: a signal ends the process at once */
	int requested;		/* a signal came and was deferred */
} state;

static void put(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
}

static void on_signal(int sig)
{
	bool timed_out = sig == SIGALRM && !state.requested;
	struct ending **which = timed_out ? &state.on_deadline : &state.on_stop;
	const struct ending *e = __atomic_load_n(which, __ATOMIC_ACQUIRE);
	unsigned left;

	if (sig != SIGALRM && state.grace_s && !state.requested) {
		__atomic_store_n(&state.requested, 1, __ATOMIC_RELEASE);
		left = alarm(state.grace_s);
		if (left && left < state.grace_s)
			alarm(left);
		return;
	}

	put(STDOUT_FILENO, e->out, e->out_len);
	put(STDERR_FILENO, e->err, e->err_len);
	_exit(e->status);
}

static struct ending *prepare(enum action_outcome outcome, enum vmm_error class, const char *why,
			      const char *what)
{
	struct ending *e = g_new0(struct ending, 1);
	const struct report report = { .output = what };
	g_autoptr(GError) error = NULL;

	if (outcome == ACTION_DONE) {
		if (state.json)
			e->out = report_json(state.action, outcome, &report, NULL);
		else
			e->out = g_strdup(what);
		e->err = g_strdup("");
	} else {
		vmm_fail(&error, class, "%s %s", what, why);
		e->err = report_error(state.action, outcome, error);
		if (state.json)
			e->out = report_json(state.action, outcome, NULL, error);
		else
			e->out = g_strdup("");
	}

	e->status = report_exit_status(outcome, error);
	e->out_len = strlen(e->out);
	e->err_len = strlen(e->err);
	e->older = state.endings;
	state.endings = e;

	return e;
}

void abort_outcome(enum action_outcome outcome, const char *what)
{
	g_autofree char *why = g_strdup_printf("did not end within %u s", state.seconds);
	struct ending *on_deadline = prepare(outcome, VMM_ERROR_TIMEOUT, why, what);
	struct ending *on_stop =
		prepare(outcome, VMM_ERROR_CANCELLED, "was stopped by a signal", what);

	__atomic_store_n(&state.on_deadline, on_deadline, __ATOMIC_RELEASE);
	__atomic_store_n(&state.on_stop, on_stop, __ATOMIC_RELEASE);
}

static void handle(void (*handler)(int))
{
	static const int signals[] = { SIGALRM, SIGTERM, SIGINT, SIGHUP };
	struct sigaction sa = { .sa_handler = handler };

	sigfillset(&sa.sa_mask);
	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
		sigaction(signals[i], &sa, NULL);
}

void abort_start(const char *action, unsigned seconds, bool json)
{
	struct itimerval timer = { .it_value.tv_sec = seconds };
	sigset_t all;

	state.action = action;
	state.seconds = seconds;
	state.json = json;
	abort_outcome(ACTION_FAILED, "preparing");
	handle(on_signal);
	sigemptyset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);	/* our starter may have blocked some */
	setitimer(ITIMER_REAL, &timer, NULL);
}

void abort_defer(unsigned grace_s)
{
	__atomic_store_n(&state.grace_s, grace_s, __ATOMIC_RELEASE);
}

bool abort_requested(void)
{
	return __atomic_load_n(&state.requested, __ATOMIC_ACQUIRE);
}

void abort_disarm(void)
{
	handle(SIG_IGN);
}
