/* SPDX-License-Identifier: Apache-2.0 */
/*
 * one_vmm_exec - the KVM driver that OpenNebula's oned starts: one line in for
 * an action on a VM, one line out for its result.
 */
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "base/error_object.h"
#include "base/program.h"
#include "driver_doubts.h"
#include "server.h"

/* Large documents are mapped, so that their memory goes back to the system when they are freed. */
static void give_memory_back(void)
{
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	mallopt(M_TRIM_THRESHOLD, 1 << 20);
	mallopt(M_ARENA_MAX, 1);	/* what one thread frees the other may use */
}

/* What is wrong beyond doubt was an error before. Returns the exit status. */
static int print_check(const struct driver_settings *settings)
{
	g_autoptr(GPtrArray) doubts = driver_doubts(settings);

	for (guint i = 0; i < doubts->len; i++)
		printf("warning: %s\n", (const char *)g_ptr_array_index(doubts, i));

	printf("%s: %s%s\n", settings->cfg_path,
	       g_file_test(settings->cfg_path, G_FILE_TEST_EXISTS) ? "OK" :
	       "not there, so all keys have their defaults", doubts->len ? ", with warnings" : "");

	return program_end("one_vmm_exec", 0, 1);
}

int main(int argc, char **argv)
{
	struct driver_settings settings;
	g_auto(GStrv) words = g_strdupv(argv);
	g_autoptr(GError) error = NULL;
	int status = 255;

	program_open_descriptors();			/* oned closes our stderr, */
	close_range(STDERR_FILENO + 1, ~0U, 0);		/* and its own files leak to us */
	give_memory_back();
	program_protect_memory();
	g_log_writer_default_set_use_stderr(TRUE);	/* stdout is the protocol */
	signal(SIGPIPE, SIG_IGN);

	if (driver_settings_load(argc, argv, &settings, &error)) {
		if (settings.options.printed_and_done)
			status = 0;
		else if (settings.options.check_config)
			status = print_check(&settings);
		else if (settings.options.journal)
			status = server_print_journal(&settings, &error) ? 0 : 1;
		else
			server_run(&settings, &status, &error);
	}

	if (error) {
		error_object_print(words, error);
		program_fail("one_vmm_exec", error);	/* oned knows but one status, 255 */
	}

	driver_settings_clear(&settings);

	return status;
}
