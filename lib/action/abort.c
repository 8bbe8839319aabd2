/* SPDX-License-Identifier: Apache-2.0 */
#include "action/abort.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

/* What to write and how to exit; never freed, since the handler may be reading it. */
struct end {
	struct end *older;
	char *out, *err;
	size_t out_len, err_len;
	int status;
};

static struct {
	const char *action;
	unsigned seconds;
	bool json;
	struct end *ends;	/* all that were made */
	/* Read by the handler. */
	struct end *late, *stopped;
	unsigned grace_s;	/* 0: a signal ends us at once */
	int asked;		/* a signal came and was deferred */
} sudden;

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
	bool late = sig == SIGALRM && !sudden.asked;
	const struct end *e = __atomic_load_n(late ? &sudden.late : &sudden.stopped,
					      __ATOMIC_ACQUIRE);
	unsigned left;

	if (sig != SIGALRM && sudden.grace_s && !sudden.asked) {
		__atomic_store_n(&sudden.asked, 1, __ATOMIC_RELEASE);
		left = alarm(sudden.grace_s);
		if (left && left < sudden.grace_s)
			alarm(left);
		return;
	}

	put(STDOUT_FILENO, e->out, e->out_len);
	put(STDERR_FILENO, e->err, e->err_len);
	_exit(e->status);
}

static struct end *prepare_end(enum action_outcome outcome, enum vmm_error class, const char *why,
			   const char *what)
{
	struct end *e = g_new0(struct end, 1);
	g_autoptr(GError) error = NULL;

	if (outcome == ACTION_DONE) {
		if (sudden.json)
			e->out = report_json(sudden.action, outcome, what, NULL);
		else
			e->out = g_strdup(what);
		e->err = g_strdup("");
	} else {
		vmm_fail(&error, class, "%s %s", what, why);
		e->err = report_error(sudden.action, outcome, error);
		if (sudden.json)
			e->out = report_json(sudden.action, outcome, "", error);
		else
			e->out = g_strdup("");
	}

	e->status = report_exit_status(outcome, error);
	e->out_len = strlen(e->out);
	e->err_len = strlen(e->err);
	e->older = sudden.ends;
	sudden.ends = e;

	return e;
}

void abort_outcome(enum action_outcome outcome, const char *what)
{
	g_autofree char *late = g_strdup_printf("did not end within %u s", sudden.seconds);
	struct end *e = prepare_end(outcome, VMM_ERROR_TIMEOUT, late, what);
	struct end *s = prepare_end(outcome, VMM_ERROR_CANCELLED, "was stopped by a signal", what);

	__atomic_store_n(&sudden.late, e, __ATOMIC_RELEASE);
	__atomic_store_n(&sudden.stopped, s, __ATOMIC_RELEASE);
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

	sudden.action = action;
	sudden.seconds = seconds;
	sudden.json = json;
	abort_outcome(ACTION_FAILED, "preparing");
	handle(on_signal);
	sigemptyset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);	/* our starter may have blocked some */
	setitimer(ITIMER_REAL, &timer, NULL);
}

void abort_defer(unsigned grace_s)
{
	__atomic_store_n(&sudden.grace_s, grace_s, __ATOMIC_RELEASE);
}

bool abort_requested(void)
{
	return __atomic_load_n(&sudden.asked, __ATOMIC_ACQUIRE);
}

void abort_disarm(void)
{
	handle(SIG_IGN);
}
