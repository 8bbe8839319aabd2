/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay - the driver's end on a host: runs the steps that come in frames over one
 * connection. It also makes the directory and the files of a VM.
 */
#include <unistd.h>

#include "base/file.h"
#include "base/program.h"
#include "base/program_identity.h"
#include "base/text.h"
#include "wire/relay_server.h"

enum { MAX_FILE = 256 << 20 };

static bool write_file(const char *path, GError **error)
{
	GString *text = file_read_fd(STDIN_FILENO, MAX_FILE, "standard input", error);
	bool ok = text && file_write(path, text->str, text->len, 0600, error);

	if (text)
		g_string_free(text, TRUE);

	return ok;
}

/* For scripts/worker-table; and says whether two files are the same program. */
static bool identify(char **files, GError **error)
{
	for (char **f = files; *f; f++) {
		g_autofree char *identity = program_identity(*f, error);

		if (!identity)
			return false;

		printf("%s %s\n", identity, *f);
	}

	return true;
}

static void serve(GError **error)
{
	g_autofree char *self = program_path();
	g_autofree char *directory = g_path_get_dirname(text_or(self, "."));
	g_autoptr(WorkerClient) worker = worker_client_new(directory);

	relay_serve(STDIN_FILENO, STDOUT_FILENO, worker, error);
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *directory = NULL;
	g_autofree char *file = NULL;
	g_autofree char *one = NULL;
	g_autofree char *other = NULL;
	g_autofree char *driver = NULL;
	g_auto(GStrv) files = NULL;
	gboolean help = FALSE, version = FALSE;
	const GOptionEntry entries[] = {
		{ "mkdir", 0, 0, G_OPTION_ARG_FILENAME, &directory,
		  "Make this directory, with its parents, and end", "PATH" },
		{ "write", 0, 0, G_OPTION_ARG_FILENAME, &file,
		  "Put standard input into this file, whole or not at all, and end", "PATH" },
		{ "exchange", 0, 0, G_OPTION_ARG_FILENAME, &one,
		  "Swap this directory in one step, and end", "PATH" },
		{ "with", 0, 0, G_OPTION_ARG_FILENAME, &other, "… with this one", "PATH" },
		{ "driver", 0, 0, G_OPTION_ARG_FILENAME, &driver,
		  "Whose we are: a later driver finds us by it", "MARK" },
		{ "identify", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files,
		  "Print what is loaded of this program, as SHA-256, and end", "FILE" },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL },
		{ 0 }
	};

	program_open_descriptors();
	program_protect_memory();
	g_log_writer_default_set_use_stderr(TRUE);
	g_option_context_set_summary(context, "Runs what one_vmm_exec asks for, over one "
				     "connection; started by it through ssh.");
	g_option_context_set_description(context, "Example:\n  relay --write /tmp/file <data");
	g_option_context_add_main_entries(context, entries, NULL);
	program_add_help(context, &help);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return program_fail("relay", error);
	if (help)
		program_print_help(context);
	else if (version)
		puts("relay " VMM_VERSION);
	else if (directory)
		file_make_directory(directory, &error);
	else if (one && other)
		file_exchange(one, other, &error);
	else if (file)
		write_file(file, &error);
	else if (files)
		identify(files, &error);
	else
		serve(&error);

	if (error)
		return program_fail("relay", error);

	return 0;
}
