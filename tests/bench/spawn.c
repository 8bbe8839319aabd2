/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn COUNT PARALLEL COMMITS FILE PROGRAM... - the floor of a dispatcher: bare posix_spawn and
 * wait. With COMMITS a thread beside it also writes FILE that many times, each time synced: what
 * a journal costs at least that makes no more commits than ours did.
 */
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A commit writes some pages, and its file is not made longer. */
enum { COMMIT_BYTES = 16384, FILE_COMMITS = 32 };

struct journal {
	int fd;
	long commits;
	int failed;
};

static void *commit_all(void *data)
{
	static char bytes[COMMIT_BYTES];
	struct journal *j = data;

	for (long i = 0; i < j->commits && !j->failed; i++) {
		off_t at = (off_t)(i % FILE_COMMITS) * COMMIT_BYTES;

		memset(bytes, (int)i, sizeof(bytes));
		j->failed = pwrite(j->fd, bytes, sizeof(bytes), at) != (ssize_t)sizeof(bytes) ||
			    fdatasync(j->fd) < 0;
	}
	return NULL;
}

static int spawn_all(long count, long parallel, char **argv)
{
	long started = 0, running = 0;
	pid_t pid;

	while (started < count || running) {
		if (started < count && running < parallel) {
			if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ))
				return 1;
			started++;
			running++;
		} else if (wait(NULL) > 0) {
			running--;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	long count = argc > 5 ? strtol(argv[1], NULL, 10) : 0;
	long parallel = argc > 5 ? strtol(argv[2], NULL, 10) : 0;
	struct journal journal = { 0 };
	pthread_t thread;
	int status;

	if (count < 1 || parallel < 1) {
		fputs("usage: spawn COUNT PARALLEL COMMITS FILE PROGRAM [ARGUMENT…]\n", stderr);
		return 2;
	}
	journal.commits = strtol(argv[3], NULL, 10);
	if (!journal.commits)
		return spawn_all(count, parallel, argv + 5);

	journal.fd = open(argv[4], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (journal.fd < 0 || pthread_create(&thread, NULL, commit_all, &journal))
		return 1;
	status = spawn_all(count, parallel, argv + 5);
	pthread_join(thread, NULL);
	return status || journal.failed;
}
