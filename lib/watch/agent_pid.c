/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/agent_pid.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/deadline.h"
#include "watch/own_directory.h"
#include "watch/watch_faults.h"
#include "watch/watch_thread.h"

/* An agent that was just told to end has the lock for a moment more. */
enum { WAIT_MS = 1000, PAUSE_MS = 20 };

static int held = -1;		/* open until we end: the lock ends with the process */
static gint is_written;
static bool is_trying;		/* on a thread */

static char *path_in(const char *directory)
{
	return g_build_filename(directory, ".monitor_client.pid", NULL);
}

static bool write_pid(int fd, const char *path, GError **error)
{
	g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
	ssize_t len = (ssize_t)strlen(text);

	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len)
		return true;

	return vmm_fail_errno(error, errno, "cannot write %s", path);
}

/* Another user's lock would keep us away for ever. -1: ERROR is set. */
static int open_own(const char *directory, const char *path, GError **error)
{
	struct stat st;
	bool is_own;
	int fd;

	if (!own_directory_check(directory, error))
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (fd < 0) {
		vmm_fail_errno(error, errno, "cannot write %s", path);
		return -1;
	}

	is_own = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid();
	if (is_own)
		return fd;

	close(fd);
	vmm_fail(error, VMM_ERROR_PERMISSION, "cannot write %s: it is not ours", path);

	return -1;
}

static bool lock_within(int fd, unsigned wait_ms)
{
	gint64 until_us = deadline_in_ms(wait_ms);

	while (flock(fd, LOCK_EX | LOCK_NB) < 0)
		if (!deadline_pause(until_us, PAUSE_MS))
			return false;

	return true;
}

bool agent_pid_take(const char *directory, GError **error)
{
	g_autofree char *path = path_in(directory);
	g_autoptr(GError) cause = NULL;

	if (held < 0)
		held = open_own(directory, path, &cause);
	if (held >= 0 && !lock_within(held, WAIT_MS)) {
		close(held);
		held = -1;
		return vmm_fail(error, VMM_ERROR_BUSY, "another agent runs: it has locked %s",
				path);
	}

	if (held >= 0 && write_pid(held, path, &cause))
		g_atomic_int_set(&is_written, 1);
	watch_faults_note(path, cause);

	return true;
}

/*
 * If another agent has the lock by now, it was started while there was no lock; the control program
 * deals with that.
 */
static void try_again(void *directory)
{
	agent_pid_take(directory, NULL);
}

static void tried(void *directory G_GNUC_UNUSED)
{
	is_trying = false;
}

void agent_pid_keep(const char *directory)
{
	if (is_trying || g_atomic_int_get(&is_written))
		return;

	is_trying = true;
	watch_thread_run(try_again, tried, (void *)directory);
}

/* The file stays: another agent may wait for its lock. */
void agent_pid_release(void)
{
	if (g_atomic_int_get(&is_written) && ftruncate(held, 0) < 0)
		held = -1;
}
