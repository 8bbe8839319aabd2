/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct probe {
	pid_t pid;
	int fd;			/* where the answer comes from */
	gint64 end_us;		/* of its time */
};

/* Without exit handlers: those of libraries belong to the parent. */
static void G_GNUC_NORETURN answer(probe_func *func, const void *data, int fd)
{
	g_autoptr(GString) out = g_string_new(NULL);
	size_t done = 0;

	func(data, out);

	while (done < out->len) {
		ssize_t n = write(fd, out->str + done, out->len - done);

		if (n < 0 && errno != EINTR)
			_exit(1);
		if (n > 0)
			done += (size_t)n;
	}

	_exit(0);
}

/* True: the other end was closed before the time END_US. */
static bool read_all(int fd, gint64 end_us, GString *out)
{
	char buffer[65536];

	for (;;) {
		gint64 left_ms = (end_us - g_get_monotonic_time()) / 1000;
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (left_ms <= 0 || poll(&p, 1, (int)left_ms) == 0)
			return false;

		n = read(fd, buffer, sizeof(buffer));
		if (n == 0)
			return true;
		if (n > 0)
			g_string_append_len(out, buffer, n);
		else if (errno != EINTR)
			return false;
	}
}

Probe *probe_start(probe_func *func, const void *data, unsigned limit_ms)
{
	Probe *p;
	int pipes[2];
	pid_t pid;

	/* The children of others that run at the same time must not hold it open. */
	if (!g_unix_open_pipe(pipes, FD_CLOEXEC, NULL))
		return NULL;

	pid = fork();
	if (pid == 0) {
		close(pipes[0]);
		answer(func, data, pipes[1]);
	}

	close(pipes[1]);
	if (pid < 0) {
		close(pipes[0]);
		return NULL;
	}

	p = g_new(Probe, 1);
	*p = (Probe){ pid, pipes[0], g_get_monotonic_time() + limit_ms * 1000L };

	return p;
}

GString *probe_finish(Probe *p)
{
	GString *out = g_string_new(NULL);
	int status = 1, options = 0;
	bool whole = p && read_all(p->fd, p->end_us, out);

	if (p && !whole) {
		/* One that hangs in the kernel does not end even so: it is not waited for. */
		kill(p->pid, SIGKILL);
		options = WNOHANG;
	}

	if (p) {
		close(p->fd);
		waitpid(p->pid, &status, options);
	}

	g_free(p);
	if (whole && status == 0)
		return out;

	g_string_free(out, TRUE);

	return NULL;
}

GString *probe_run(probe_func *func, const void *data, unsigned limit_ms)
{
	return probe_finish(probe_start(func, data, limit_ms));
}
