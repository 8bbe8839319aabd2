/* spawn COUNT PARALLEL PROGRAM… - the floor of a dispatcher: bare posix_spawn and wait. */
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long count = argc > 3 ? strtol(argv[1], NULL, 10) : 0;
	long parallel = argc > 3 ? strtol(argv[2], NULL, 10) : 0;
	long started = 0, running = 0;
	pid_t pid;

	if (count < 1 || parallel < 1) {
		fputs("usage: spawn COUNT PARALLEL PROGRAM [ARGUMENT…]\n", stderr);
		return 2;
	}
	while (started < count || running) {
		if (started < count && running < parallel) {
			if (posix_spawn(&pid, argv[3], NULL, NULL, argv + 3, environ))
				return 1;
			started++;
			running++;
		} else if (wait(NULL) > 0) {
			running--;
		}
	}
	return 0;
}
