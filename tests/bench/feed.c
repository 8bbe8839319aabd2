/*
 * feed COUNT WINDOW MESSAGE DRIVER ARGUMENTS - sends the request in MESSAGE (a line as oned
 * writes it) for each of COUNT VMs, at most WINDOW without a reply, and prints the seconds.
 */
#include <glib.h>
#include <stdbool.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static bool start(char **argv, FILE **ret_in, FILE **ret_out)
{
	int in, out;
	GPid pid;

	if (!g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &pid, &in,
				      &out, NULL, NULL))
		return false;
	*ret_in = fdopen(in, "w");
	*ret_out = fdopen(out, "r");
	return true;
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
	FILE *in, *out;

	if (count < 1 || window < 1 || !g_file_get_contents(argv[3], &message, NULL, NULL) ||
	    !start(driver, &in, &out)) {
		fputs("usage: feed COUNT WINDOW MESSAGE DRIVER ARGUMENTS\n", stderr);
		return 2;
	}
	document = strrchr(g_strchomp(message), ' ') + 1;
	action = g_strndup(message, strcspn(message, " "));
	begin = g_get_monotonic_time();
	while (replies < count) {
		for (; sent < count && sent - replies < window; sent++)
			fprintf(in, "%s  %ld %s\n", action, sent, document);
		fflush(in);
		if (!wait_for_reply(out, action))
			return 1;
		replies++;
	}
	printf("%.3f\n", (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC);
	return 0;
}
