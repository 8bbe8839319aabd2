/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.so - a clock that runs faster: for LD_PRELOAD.
 *
 * FAKE_CLOCK="SPEED AFTER"   how much faster, from so many seconds on. What the process starts has
 *                            the same clock.
 *
 * Clocks and waits of libc are faster, those of GLib's conditions are not: they wait longer than
 * they say, for what seldom does not come.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { CLOCKS = 2 };

void *dlvsym(void *restrict handle, const char *restrict name, const char *restrict version);

static const gint64 second_ns = 1000000000;
static double speed = 1;
static gint64 began_ns[CLOCKS];		/* when it gets faster, by both clocks */

/* Not libc's, which is ours. */
static gint64 true_ns(clockid_t id)
{
	struct timespec ts = { 0 };

	syscall(SYS_clock_gettime, id, &ts);

	return ts.tv_sec * second_ns + ts.tv_nsec;
}

/* For what is started the variable has the two times instead of the seconds. */
__attribute__((constructor)) static void begin(void)
{
	const char *wish = g_getenv("FAKE_CLOCK");
	g_auto(GStrv) words = wish ? g_strsplit(wish, " ", -1) : NULL;
	g_autofree char *value = NULL;

	if (!wish || g_strv_length(words) < 2)
		return;

	speed = g_ascii_strtod(words[0], NULL);
	for (guint i = 0; i < CLOCKS; i++) {
		if (words[2])
			began_ns[i] = g_ascii_strtoll(words[1 + i], NULL, 10);
		else
			began_ns[i] = true_ns((clockid_t)i) +
				      g_ascii_strtoll(words[1], NULL, 10) * second_ns;
	}

	value = g_strdup_printf("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, words[0],
				began_ns[CLOCK_REALTIME], began_ns[CLOCK_MONOTONIC]);
	g_setenv("FAKE_CLOCK", value, TRUE);
}

static struct timespec spec_of(gint64 ns)
{
	return (struct timespec){ ns / second_ns, ns % second_ns };
}

static gint64 ns_of(const struct timespec *ts)
{
	return ts->tv_sec * second_ns + ts->tv_nsec;
}

/* Which of ours a clock is; -1: none. */
static int kind_of(clockid_t id)
{
	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		return CLOCK_REALTIME;
	if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_BOOTTIME)
		return CLOCK_MONOTONIC;

	return -1;
}

static gint64 faster_ns(int kind)
{
	gint64 now_ns = true_ns(kind), more_ns = now_ns - began_ns[kind];

	return more_ns <= 0 ? now_ns : began_ns[kind] + (gint64)((double)more_ns * speed);
}

/* When UNTIL of the faster clock is on the true one. */
static struct timespec true_until(int kind, const struct timespec *until)
{
	gint64 more_ns = ns_of(until) - began_ns[kind];

	if (more_ns <= 0)
		return *until;

	return spec_of(began_ns[kind] + (gint64)((double)more_ns / speed));
}

static struct timespec shorter(const struct timespec *wish)
{
	if (true_ns(CLOCK_MONOTONIC) < began_ns[CLOCK_MONOTONIC])
		return *wish;

	return spec_of((gint64)((double)ns_of(wish) / speed));
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
	int kind = kind_of(id);

	if (kind < 0)
		return (int)syscall(SYS_clock_gettime, id, ret);
	*ret = spec_of(faster_ns(kind));

	return 0;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone G_GNUC_UNUSED)
{
	gint64 us = faster_ns(CLOCK_REALTIME) / 1000;

	*ret = (struct timeval){ us / G_USEC_PER_SEC, us % G_USEC_PER_SEC };

	return 0;
}

time_t time(time_t *ret)
{
	time_t now = faster_ns(CLOCK_REALTIME) / second_ns;

	if (ret)
		*ret = now;

	return now;
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	struct timespec real_limit = { 0 }, *at = NULL;

	if (limit) {
		real_limit = shorter(limit);
		at = &real_limit;
	}

	return (int)syscall(SYS_ppoll, fds, n, at, mask, 8);
}

int poll(struct pollfd *fds, nfds_t n, int limit_ms)
{
	const struct timespec limit = spec_of((gint64)limit_ms * 1000000), *at = NULL;

	if (limit_ms >= 0)
		at = &limit;

	return ppoll(fds, n, at, NULL);
}

int __poll_chk(struct pollfd *fds, nfds_t n, int limit_ms, size_t size G_GNUC_UNUSED);
int __poll_chk(struct pollfd *fds, nfds_t n, int limit_ms, size_t size G_GNUC_UNUSED)
{
	return poll(fds, n, limit_ms);
}

int clock_nanosleep(clockid_t id, int flags, const struct timespec *wish, struct timespec *left)
{
	int kind = kind_of(id);
	struct timespec real_wish;

	if (kind >= 0 && (flags & TIMER_ABSTIME))
		real_wish = true_until(kind, wish);
	else
		real_wish = shorter(wish);

	return syscall(SYS_clock_nanosleep, id, flags, &real_wish, left) < 0 ? errno : 0;
}

int nanosleep(const struct timespec *wish, struct timespec *left)
{
	errno = clock_nanosleep(CLOCK_MONOTONIC, 0, wish, left);

	return errno ? -1 : 0;
}

int usleep(useconds_t us)
{
	const struct timespec wish = spec_of((gint64)us * 1000);

	return nanosleep(&wish, NULL);
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
			   const struct timespec *until)
{
	static int (*call)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	const struct timespec later = true_until(CLOCK_REALTIME, until);

	if (!call)
		call = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
	if (!call)	/* another processor, where it never had another meaning */
		call = dlsym(RTLD_NEXT, "pthread_cond_timedwait");

	return call(cond, mutex, &later);
}
