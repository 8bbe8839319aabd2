/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitord-client_control.sh - starts and stops the agent for monitord, ours, in place of any that
 * runs. (OpenNebula runs a file of this name; it is no shell script.)
 *
 * Source: docs/facts/monitoring.md 1.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/file.h"
#include "base/number.h"
#include "base/program.h"
#include "conf/paths.h"
#include "watch/older.h"

enum { END_MS = 1000, ANSWER_MS = 15000, MAX_START = 1 << 20, MAX_ANSWER = 64 << 20 };

static const char name[] = "monitord-client_control.sh";

static const char help[] =
	"Usage:\n"
	"  monitord-client_control.sh [stop] HYPERVISOR HOST_ID HOST_NAME\n"
	"\n"
	"Starts the agent of this host for OpenNebula's monitord, or stops it; an older one is\n"
	"ended first, OpenNebula's too. Standard input: the start message. The agent's first\n"
	"figures go to stdout. OpenNebula runs it in the directory it lies in.\n"
	"\n"
	"Example:\n"
	"  monitord-client_control.sh stop kvm 7 node1\n";

struct agent {
	GPid pid;
	int in, out;
};

/* Its first word is what OpenNebula's own control script looks for to end it. */
static bool start_agent(const char *client, char **argv, struct agent *ret, GError **error)
{
	g_autofree char *program = conf_path_remotes("im/monitord-client");
	GPtrArray *words = g_ptr_array_new();
	g_autofree char **all = NULL;

	g_ptr_array_add(words, program);
	g_ptr_array_add(words, (char *)client);
	for (char **a = argv; *a; a++)
		g_ptr_array_add(words, *a);
	g_ptr_array_add(words, NULL);
	all = (char **)g_ptr_array_free(words, FALSE);

	return g_spawn_async_with_pipes(NULL, all, NULL,
					G_SPAWN_FILE_AND_ARGV_ZERO | G_SPAWN_DO_NOT_REAP_CHILD,
					NULL, NULL, &ret->pid, &ret->in, &ret->out, NULL, error);
}

/* False: the agent has ended, or reads nothing. */
static bool give_message(int fd, const GString *text)
{
	size_t done = 0;

	while (done < text->len) {
		ssize_t n = write(fd, text->str + done, text->len - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}

	close(fd);

	return done == text->len;
}

/* All that the agent says until it closes its stdout, within the limit. */
static GString *hear(int fd)
{
	gint64 until_us = deadline_in_ms(ANSWER_MS);
	GString *out = g_string_new(NULL);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buffer[65536];
	ssize_t n = 0;

	while (out->len < MAX_ANSWER && poll(&p, 1, (int)deadline_left_ms(until_us)) == 1) {
		n = read(fd, buffer, sizeof(buffer));
		if (n <= 0)
			break;
		g_string_append_len(out, buffer, n);
	}

	close(fd);

	return out;
}

/* For people: an agent is found by its command line. So one that runs is a success without it. */
static void note_pid(const char *file, const char *pid)
{
	g_autoptr(GError) error = NULL;

	if (!file_write(file, pid, strlen(pid), 0644, &error))
		fprintf(stderr, "%s: the agent runs, but %s\n", name, error->message);
}

/* The verdict is the agent's: it has printed all of its answer, or says on stderr why not. */
static bool start_and_tell(const char *client, char **argv, const char *pid_file, GError **error)
{
	GString *message = file_read_fd(STDIN_FILENO, MAX_START, "the start message", error);
	g_autofree char *pid = NULL;
	struct agent agent;
	GString *answer;
	bool ok;

	if (!message)
		return false;
	ok = start_agent(client, argv, &agent, error);
	if (!ok) {
		g_string_free(message, TRUE);
		return false;
	}

	give_message(agent.in, message);
	g_string_free(message, TRUE);
	answer = hear(agent.out);
	ok = g_str_has_suffix(answer->str, "</MONITOR_MESSAGES>\n");
	if (ok)
		fputs(answer->str, stdout);
	g_string_free(answer, TRUE);
	if (!ok) {
		kill(agent.pid, SIGKILL);	/* our child, not waited for yet: it is this one */
		waitpid(agent.pid, NULL, 0);
		return vmm_fail(error, VMM_ERROR_CONNECTION, "the agent did not start");
	}

	pid = g_strdup_printf("%d\n", (int)agent.pid);
	note_pid(pid_file, pid);

	return true;
}

static bool control(char **argv, GError **error)
{
	bool stop = argv[0] && g_str_equal(argv[0], "stop");
	g_autofree char *dir = g_get_current_dir();
	g_autofree char *client = g_build_filename(dir, "monitord-client.rb", NULL);
	g_autofree char *pid_file = NULL;
	gint64 id;

	if (stop)
		argv++;
	if (g_strv_length(argv) < 2)
		return vmm_fail(error, VMM_ERROR_USAGE, "HYPERVISOR and HOST_ID are missing");
	if (!number_signed(argv[1], -1, G_MAXINT32, &id, error)) {
		g_prefix_error(error, "HOST_ID: ");
		return false;
	}

	pid_file = g_strdup_printf("/tmp/one-monitord-%" G_GINT64_FORMAT ".pid", id);
	if (!older_end(client, (const char *const *)argv, END_MS, error))
		return false;
	unlink(pid_file);
	if (stop)
		return true;

	return start_and_tell(client, argv, pid_file, error);
}

int main(int argc G_GNUC_UNUSED, char **argv)
{
	g_autoptr(GError) error = NULL;

	program_open_descriptors();
	signal(SIGPIPE, SIG_IGN);
	if (program_help(argv, help))
		return 0;
	if (control(argv + 1, &error))
		return program_end(name, 0, 1);

	return program_fail(name, error);
}
