#include "base/program.h"

#include <fcntl.h>
#include <unistd.h>

void program_open_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

void program_add_help(GOptionContext *context, gboolean *wanted)
{
	const GOptionEntry entries[] = {
		{ "help", 'h', 0, G_OPTION_ARG_NONE, wanted, "Print this help", NULL },
		{ 0 }
	};

	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_add_main_entries(context, entries, NULL);
}

void program_print_help(GOptionContext *context)
{
	g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);

	fputs(text, stdout);
	fflush(stdout);
}

int program_fail(const char *name, const GError *error)
{
	g_autofree char *line = vmm_error_line(error);

	fprintf(stderr, "%s: %s\n", name, line);
	return vmm_error_exit_status(error);
}
