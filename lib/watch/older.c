/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/older.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/program.h"

enum { KILLED_MS = 5000 };

static bool is_client(const char *pid, const char *client, const char *const *argv)
{
	g_auto(GStrv) words = program_words(pid);
	char **at = words;

	if (*at && strcmp(*at, client) != 0)
		at++;
	if (!*at || strcmp(*at, client) != 0)
		return false;

	return g_strv_equal((const char *const *)at + 1, argv);
}

/* The real user of process PID; -1: it is gone. */
static gint64 user_of(const char *pid)
{
	g_autofree char *path = g_build_filename("/proc", pid, "status", NULL);
	g_autofree char *text = NULL;
	const char *line = NULL;

	if (g_file_get_contents(path, &text, NULL, NULL))
		line = strstr(text, "\nUid:\t");

	return line ? g_ascii_strtoll(line + strlen("\nUid:\t"), NULL, 10) : -1;
}

/*
 * Any user of the host can give a process such a command line: we cannot end it, and it must not
 * keep the agent away. An agent that root has started does.
 */
static bool may_be_agent(const char *pid)
{
	gint64 user = user_of(pid);

	return geteuid() == 0 || user == 0 || user == geteuid();
}

static bool ended_within(int fd, unsigned ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, (int)ms) == 1;
}

static bool signal_process(int fd, int sig)
{
	return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) == 0;
}

/* Its descriptor is that process for sure, also when the number was given to another meanwhile. */
static bool end_process(int fd, unsigned limit_ms)
{
	if (!signal_process(fd, SIGTERM))
		return errno == ESRCH;
	if (ended_within(fd, limit_ms))
		return true;
	if (!signal_process(fd, SIGKILL))
		return errno == ESRCH;

	return ended_within(fd, KILLED_MS);
}

bool older_end(const char *client, const char *const *argv, unsigned limit_ms, GError **error)
{
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	const char *name;
	bool ok = true;

	while (ok && proc && (name = g_dir_read_name(proc))) {
		pid_t pid = (pid_t)g_ascii_strtoll(name, NULL, 10);
		int fd;

		if (pid <= 0 || pid == getpid() || !is_client(name, client, argv))
			continue;
		if (!may_be_agent(name))
			continue;
		fd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (fd < 0)
			continue;	/* it is gone */
		if (is_client(name, client, argv) && !end_process(fd, limit_ms))
			ok = vmm_fail_errno(error, errno, "cannot end the older agent, process %s",
					    name);
		close(fd);
	}

	return ok;
}
