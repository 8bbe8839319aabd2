/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/agent_pid.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/file.h"

/* An agent that was just told to end has the lock for a moment more. */
enum { WAIT_MS = 1000, PAUSE_MS = 20 };

static int held = -1;		/* open until we end: the lock ends with the process */

static bool write_pid(int fd, const char *path, GError **error)
{
	g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
	ssize_t len = (ssize_t)strlen(text);

	if (ftruncate(fd, 0) == 0 && write(fd, text, (size_t)len) == len)
		return true;

	return vmm_fail_errno(error, errno, "cannot write %s", path);
}

bool agent_pid_take(const char *directory, GError **error)
{
	g_autofree char *path = g_build_filename(directory, ".monitor_client.pid", NULL);
	gint64 until_us = deadline_in_ms(WAIT_MS);
	int fd;

	if (!file_make_directory(directory, error))
		return false;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return vmm_fail_errno(error, errno, "cannot make %s", path);

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (deadline_pause(until_us, PAUSE_MS))
			continue;
		close(fd);
		return vmm_fail(error, VMM_ERROR_BUSY, "another agent runs: it has locked %s",
				path);
	}

	held = fd;

	return write_pid(fd, path, error);
}

/* The file stays: another agent may wait for its lock. */
void agent_pid_release(void)
{
	if (held >= 0 && ftruncate(held, 0) < 0)
		held = -1;
}
