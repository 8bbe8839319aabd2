/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <unistd.h>

static const char root_directory[] = "/usr/libexec/vmmexec";

static char *own_path;

char *program_path(void)
{
	if (own_path)
		return g_strdup(own_path);

	return g_file_read_link("/proc/self/exe", NULL);
}

void program_set_path(const char *path)
{
	g_free(own_path);
	own_path = g_strdup(path);
}

/* The errno of a line that did not get to stdout; 0: all did. */
static int output_errno(void)
{
	struct pollfd reader = { .fd = STDOUT_FILENO };

	if (fflush(stdout) != 0)
		return errno;
	if (!ferror(stdout))
		return 0;

	/* An earlier line's own is not known any more. */
	if (poll(&reader, 1, 0) == 1 && reader.revents & POLLERR)
		return EPIPE;
	if (write(STDOUT_FILENO, "", 0) < 0)
		return errno;

	return EIO;
}

static void fail_output(const char *name, int errnum)
{
	g_autoptr(GError) error = NULL;

	if (errnum == EBADF)
		vmm_fail(&error, VMM_ERROR_CONFIG, "cannot write standard output: it is closed");
	else
		vmm_fail_errno(&error, errnum, "cannot write standard output");
	program_fail(name, error);
}

/* What main() has not asked about, as of --help. The reader may go when it has read enough. */
static void check_output_at_exit(int status, void *unused)
{
	int errnum = status ? 0 : output_errno();

	(void)unused;
	if (!errnum || errnum == EPIPE)
		return;

	fail_output(program_invocation_short_name, errnum);
	fflush(stderr);
	_exit(EXIT_FAILURE);
}

void program_open_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* What is written to stdout must fail: its reader would not get it. */
		int flags = fd == STDOUT_FILENO ? O_RDONLY : O_RDWR;

		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", flags);
	}

	on_exit(check_output_at_exit, NULL);
}

void program_protect_memory(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);	/* not RLIMIT_CORE: our scripts would inherit it */
}

bool program_takes_no_words(int argc, char **argv, GError **error)
{
	if (argc < 2)
		return true;

	return vmm_fail(error, VMM_ERROR_USAGE, "'%s' belongs to no option", argv[1]);
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
}

bool program_help(char **argv, const char *text)
{
	if (!argv[0] || !argv[1] || argv[2])
		return false;
	if (!g_str_equal(argv[1], "--help") && !g_str_equal(argv[1], "-h"))
		return false;

	fputs(text, stdout);

	return true;
}

static bool is_roots_alone(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	if (st.st_uid != 0)
		return false;

	return !(st.st_mode & 022);
}

char *program_root_copy(const char *name)
{
	char *path = g_build_filename(root_directory, name, NULL);

	if (is_roots_alone(root_directory) && is_roots_alone(path) && access(path, X_OK) == 0)
		return path;

	g_free(path);

	return NULL;
}

void program_become_root_copy(const char *name, char **argv)
{
	g_autofree char *copy = program_root_copy(name);
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autoptr(GPtrArray) words = g_ptr_array_new();

	if (!copy || !g_strcmp0(copy, self))
		return;
	if (geteuid() != 0) {
		g_ptr_array_add(words, (char *)"sudo");
		g_ptr_array_add(words, (char *)"-n");
	}

	g_ptr_array_add(words, copy);
	for (char **a = argv + 1; *a; a++)
		g_ptr_array_add(words, *a);
	g_ptr_array_add(words, NULL);
	execvp(words->pdata[0], (char **)words->pdata);
}

int program_fail(const char *name, const GError *error)
{
	g_autofree char *line = vmm_error_line(error);

	fprintf(stderr, "%s: %s\n", name, line);
	return vmm_error_exit_status(error);
}

int program_end(const char *name, int status, int lost)
{
	int errnum = output_errno();

	if (status || !errnum)
		return status;
	if (errnum != EPIPE)
		fail_output(name, errnum);

	return lost;
}

unsigned program_allow_descriptors(unsigned most)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return most;

	limit.rlim_cur = MIN(limit.rlim_max, most);
	setrlimit(RLIMIT_NOFILE, &limit);

	return (unsigned)MIN(limit.rlim_cur, most);
}

char **program_words(const char *pid)
{
	g_autofree char *path = g_build_filename("/proc", pid, "cmdline", NULL);
	GPtrArray *words = g_ptr_array_new();
	g_autofree char *text = NULL;
	gsize len = 0;

	if (g_file_get_contents(path, &text, &len, NULL))
		for (const char *at = text; at < text + len; at += strlen(at) + 1)
			g_ptr_array_add(words, g_strdup(at));
	g_ptr_array_add(words, NULL);

	return (char **)g_ptr_array_free(words, FALSE);
}
