/* SPDX-License-Identifier: Apache-2.0 */
/*
 * via_worker - stands in a test for an action's program: has a worker of its own run that action,
 * with its words, environment and descriptors, and ends as the action did.
 *
 * Installed as ROOT/vmm/kvm/NAME for each NAME of ROOT/real/vmm/kvm, beside which the worker is;
 * elsewhere that of $BUILD is used. Status 99: the worker did not run it, which fails any test.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/program.h"
#include "wire/worker_client.h"

enum { STATUS_NO_WORKER = 99, START_MS = 60000 };

static volatile pid_t child;
static pid_t watcher;

static void forward(int sig)
{
	if (child)
		kill(child, sig);
}

/* Ends the action when we are killed: a test that kills the program means the action. */
static void watch_over(int pipe_end, int pid_end)
{
	pid_t pid = 0;
	char byte;

	for (int sig = 1; sig < SIGRTMIN; sig++)
		signal(sig, SIG_IGN);
	if (read(pid_end, &pid, sizeof(pid)) == sizeof(pid) && read(pipe_end, &byte, 1) == 0)
		kill(pid, SIGKILL);
	_exit(0);
}

static int start_watcher(int *ret_life)
{
	int life[2], pids[2];

	if (pipe2(life, O_CLOEXEC) < 0 || pipe2(pids, O_CLOEXEC) < 0)
		return -1;
	watcher = fork();
	if (watcher == 0) {
		setsid();
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		close(life[1]);
		close(pids[1]);
		watch_over(life[0], pids[0]);
	}

	close(life[0]);
	close(pids[0]);
	*ret_life = life[1];

	return pids[1];
}

/* So that "pkill save" ends the action and not us, too. */
static void hide(int argc, char **argv)
{
	prctl(PR_SET_NAME, "via_worker", 0, 0, 0);
	for (int i = 0; i < argc; i++)
		memset(argv[i], 0, strlen(argv[i]));
}

static pid_t run(WorkerClient *worker, const char *program, const struct worker_order *order)
{
	gint64 until_us = deadline_in_ms(START_MS);
	int fds[3];
	pid_t pid = 0;

	for (int i = 0; i < 3; i++)
		fds[i] = fcntl(i, F_GETFD) < 0 ? -1 : i;
	while (!pid && g_get_monotonic_time() < until_us) {
		if (worker_client_ready(worker, program))
			pid = worker_client_begin(worker, order, fds);
		if (!pid) {
			g_main_context_iteration(NULL, FALSE);
			g_usleep(1000);
		}
	}

	return pid;
}

/* tests/fake/fail.c takes itself out of our environment; it is meant for the action: the worker. */
static void give_preload(void)
{
	g_autofree char *text = NULL;
	gsize size = 0;

	if (!g_file_get_contents("/proc/self/environ", &text, &size, NULL))
		return;

	for (const char *at = text; at < text + size; at += strlen(at) + 1)
		if (g_str_has_prefix(at, "LD_PRELOAD="))
			g_setenv("LD_PRELOAD", strchr(at, '=') + 1, TRUE);
}

/* It would hold our file, which a test may replace as soon as we have ended. */
static void stop_watcher(void)
{
	if (watcher <= 0)
		return;

	kill(watcher, SIGKILL);
	waitpid(watcher, NULL, 0);
}

/* Where worker and programs are. The caller frees. */
static char *real_set(const char *directory)
{
	char *real = g_canonicalize_filename("../../real/vmm", directory);

	if (g_file_test(real, G_FILE_TEST_IS_DIR) || !g_getenv("BUILD"))
		return real;

	g_free(real);

	return g_build_filename(g_getenv("BUILD"), "remotes/vmm", NULL);
}

int main(int argc, char **argv)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGUSR1, SIGUSR2 };
	g_autofree char *self = program_path();
	g_autofree char *directory = g_path_get_dirname(self);
	g_autofree char *real = real_set(directory);
	g_autofree char *name = g_path_get_basename(self);
	char **words = g_strdupv(argv);
	g_auto(GStrv) env = g_get_environ();
	const struct worker_order order = { "", (const char *const *)words,
					    (const char *const *)env, 0 };
	g_autofree char *program = g_build_filename(real, "kvm", name, NULL);
	WorkerClient *worker = worker_client_new(real);
	int life = -1, pids, status;
	pid_t pid;

	program_open_descriptors();
	g_free(words[0]);
	words[0] = g_strdup(self);
	give_preload();
	hide(argc, argv);
	pids = start_watcher(&life);
	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
		signal(signals[i], forward);
	pid = run(worker, program, &order);
	if (!pid) {
		fprintf(stderr, "via_worker: no worker runs %s\n", program);
		return STATUS_NO_WORKER;
	}

	child = pid;
	if (write(pids, &pid, sizeof(pid)) != sizeof(pid))
		return STATUS_NO_WORKER;
	for (int i = 0; i < 3; i++)	/* so that what reads from it sees its end */
		close(i);
	while (waitpid(pid, &status, 0) < 0)
		;
	stop_watcher();
	worker_client_free(worker);
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));

	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));

	return STATUS_NO_WORKER;
}
