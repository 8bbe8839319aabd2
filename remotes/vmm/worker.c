/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker - has libvirt and the code of all actions loaded, and makes a process for each step that
 * its relay wants: so a step need not load them itself.
 */
#include "action/worker_serve.h"

#include <unistd.h>

#include "base/program.h"

static const char help[] =
	"Usage:\n  worker [OPTION…]\n\n"
	"Runs actions for the relay, which starts it: each in a process that need not load\n"
	"libvirt. Standard input is a socket of the relay. Key hosts.worker of\n"
	"vmm_exec.cfg turns it off.\n\n"
	"Options:\n"
	"  -h, --help       Print this help\n"
	"  -V, --version    Print the version\n\n"
	"Example:\n  worker --version\n";

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	struct worker_step step;

	program_open_descriptors();
	if (program_help(argv, help))
		return 0;
	if (argc > 1 && (g_str_equal(argv[1], "--version") || g_str_equal(argv[1], "-V"))) {
		puts("worker " VMM_VERSION);
		return 0;
	}

	if (worker_serve(STDIN_FILENO, worker_table, &step, &error))
		return action_main(step.self, step.argc, step.argv);
	if (error)
		return program_fail("worker", error);

	return 0;
}
