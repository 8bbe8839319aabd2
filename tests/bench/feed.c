/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed COUNT WINDOW MESSAGE DRIVER ARGUMENTS - sends the request in MESSAGE (a line as oned
 * writes it) for each of COUNT VMs, at most WINDOW without a reply, and prints the seconds.
 * It speaks as oned does, from INIT to FINALIZE: what an earlier driver left is answered before
 * the clock starts.
 */
#include <glib.h>
#include <stdbool.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static bool start(char **argv, GPid *ret_pid, FILE **ret_in, FILE **ret_out)
{
	int in, out;

	if (!g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
				      ret_pid, &in, &out, NULL, NULL))
		return false;
	*ret_in = fdopen(in, "w");
	*ret_out = fdopen(out, "r");
	return true;
}

/* Waits for the answer to INIT. */
static bool init(FILE *in, FILE *out)
{
	char line[64];

	fputs("INIT\n", in);
	fflush(in);
	return fgets(line, sizeof(line), out) && g_str_has_prefix(line, "INIT SUCCESS");
}

/* Waits until the driver has ended: the next one finds its journal closed. */
static bool finalize(FILE *in, FILE *out, GPid pid)
{
	int status;

	fputs("FINALIZE\n", in);
	fclose(in);
	while (fgetc(out) != EOF)
		;
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* False when the driver has ended, or says that the action failed. */
static bool wait_for_reply(FILE *out, const char *action)
{
	static char line[1 << 16];
	size_t len = strlen(action);

	while (fgets(line, sizeof(line), out))
		if (strncmp(line, action, len) == 0 && line[len] == ' ')
			return g_str_has_prefix(line + len, " SUCCESS ");
	return false;
}

int main(int argc, char **argv)
{
	long count = argc == 6 ? strtol(argv[1], NULL, 10) : 0;
	long window = argc == 6 ? strtol(argv[2], NULL, 10) : 0;
	char *driver[] = { argc == 6 ? argv[4] : NULL, argc == 6 ? argv[5] : NULL, NULL };
	g_autofree char *message = NULL;
	g_autofree char *action = NULL;
	const char *document;
	long sent = 0, replies = 0;
	gint64 begin;
	double seconds;
	FILE *in, *out;
	GPid pid;

	if (count < 1 || window < 1 || !g_file_get_contents(argv[3], &message, NULL, NULL) ||
	    !start(driver, &pid, &in, &out)) {
		fputs("usage: feed COUNT WINDOW MESSAGE DRIVER ARGUMENTS\n", stderr);
		return 2;
	}
	document = strrchr(g_strchomp(message), ' ') + 1;
	action = g_strndup(message, strcspn(message, " "));
	if (!init(in, out))
		return 1;
	begin = g_get_monotonic_time();
	while (replies < count) {
		for (; sent < count && sent - replies < window; sent++)
			fprintf(in, "%s  %ld %s\n", action, sent, document);
		fflush(in);
		if (!wait_for_reply(out, action))
			return 1;
		replies++;
	}
	seconds = (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC;
	if (!finalize(in, out, pid))
		return 1;
	printf("%.3f\n", seconds);
	return 0;
}
