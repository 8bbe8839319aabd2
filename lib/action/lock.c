/* SPDX-License-Identifier: Apache-2.0 */
#include "action/lock.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/run_directory.h"

/* An action that waits reports who has the lock before its own deadline ends it. */
enum { PAUSE_MS = 20, RESERVE_MS = 500 };

/* The files of a lock, open as long as it is ours; none: it is not. */
struct lock_hold {
	int files[RUN_DIRECTORY_LOCKS];
	int n;
};

static struct lock_hold held_vm, held_host;

/*
 * The process that holds FD; 0: none is known. /proc/locks has lines
 * "1: FLOCK ADVISORY WRITE PID 00:1a:INODE 0 EOF", of all file systems: each has its own inodes.
 */
static pid_t holder_of(int fd)
{
	g_autofree char *text = NULL, *end = NULL;
	g_auto(GStrv) lines = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0 || !g_file_get_contents("/proc/locks", &text, NULL, NULL))
		return 0;
	end = g_strdup_printf(" %02x:%02x:%lu 0 EOF", major(st.st_dev), minor(st.st_dev),
			      (unsigned long)st.st_ino);
	lines = g_strsplit(text, "\n", -1);
	for (char **l = lines; *l; l++) {
		int pid;

		if (g_str_has_suffix(*l, end) && sscanf(*l, "%*d: FLOCK %*s %*s %d", &pid) == 1)
			return pid;
	}

	return 0;
}

static char *program_of(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/comm", (int)pid);
	char *text = NULL;

	if (pid == 0 || !g_file_get_contents(path, &text, NULL, NULL))
		return g_strdup("another program");

	return g_strchomp(text);
}

/* The file is called by the name's hash: a name may be too long for a file, or hold a '/'. */
static char *file_of(const char *name)
{
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);
}

static bool lock_descriptor(int fd, const char *what, gint64 until_us, GError **error)
{
	g_autofree char *program = NULL;
	pid_t pid;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return vmm_fail_errno(error, errno, "cannot lock %s", what);
		if (deadline_pause(until_us, PAUSE_MS))
			continue;

		pid = holder_of(fd);
		program = program_of(pid);
		return vmm_fail(error, VMM_ERROR_BUSY, "%s is being worked on by %s (process %d)",
				what, program, (int)pid);
	}

	return true;
}

static void release(struct lock_hold *hold)
{
	while (hold->n)
		close(hold->files[--hold->n]);
}

/* Opens the lock called NAME, on WHAT, and waits for it. */
static bool lock_files(struct lock_hold *hold, const char *name, const char *what, gint64 until_us,
		       GError **error)
{
	g_autofree char *hash = file_of(name);

	hold->n = run_directory_open_locks(hash, hold->files, error);
	if (!hold->n) {
		g_prefix_error(error, "cannot lock %s: ", what);
		return false;
	}

	for (int i = 0; i < hold->n; i++)
		if (!lock_descriptor(hold->files[i], what, until_us, error)) {
			release(hold);
			return false;
		}

	return true;
}

/* The lock called NAME, on WHAT. */
static bool take(struct lock_hold *hold, const char *name, const char *what, unsigned wait_ms,
		 GError **error)
{
	gint64 until_us = deadline_in_ms(wait_ms - MIN(RESERVE_MS, wait_ms / 2));

	if (hold->n)		/* a VM of two names: the first is enough */
		return true;
	if (!lock_files(hold, name, what, until_us, error))
		return false;
	for (int i = 0; i < hold->n; i++)
		futimens(hold->files[i], NULL);	/* for lock_last_taken_s() */

	return true;
}

bool lock_take(const char *name, unsigned wait_ms, GError **error)
{
	g_autofree char *what = g_strdup_printf("domain %s", name);

	return take(&held_vm, name, what, wait_ms, error);
}

/* No domain has a line break in its name. */
bool lock_take_host(unsigned wait_ms, GError **error)
{
	return take(&held_host, "host\n", "what guests of this host share", wait_ms, error);
}

void lock_release_host(void)
{
	release(&held_host);
}

LockHold *lock_try(const char *name)
{
	LockHold *hold = g_new0(LockHold, 1);

	if (lock_files(hold, name, name, deadline_in_ms(0), NULL))
		return hold;

	g_free(hold);

	return NULL;
}

void lock_let_go(LockHold *hold)
{
	release(hold);
	g_free(hold);
}

gint64 lock_last_taken_s(const char *name, bool *ret_held)
{
	g_autofree char *hash = file_of(name);
	int fds[RUN_DIRECTORY_LOCKS];
	int n = run_directory_find_locks(hash, fds);
	gint64 last_s = 0;

	*ret_held = false;
	for (int i = 0; i < n; i++) {
		struct stat st;

		/* An action that meets this lock for a moment tries again; closing releases it. */
		if (flock(fds[i], LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
			*ret_held = true;
		if (fstat(fds[i], &st) == 0)
			last_s = MAX(last_s, (gint64)st.st_mtime);
		close(fds[i]);
	}

	return last_s;
}
