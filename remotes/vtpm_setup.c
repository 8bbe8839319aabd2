/* SPDX-License-Identifier: Apache-2.0 */
/* vtpm_setup - copies a virtual TPM's state between libvirt's place and the VM's; by sudo. */
#include "host/tpm_state.h"
#include "base/program.h"

static const char help[] =
	"Usage:\n"
	"  vtpm_setup VERB UUID DIRECTORY\n"
	"\n"
	"Copies the state of a virtual TPM between libvirt's directory and the VM's, as root.\n"
	"\n"
	"Verbs:\n"
	"  backup    to DIRECTORY/tpm\n"
	"  keep      to DIRECTORY/tpm, unless the state there is newer\n"
	"  recover   from DIRECTORY/tpm, unless libvirt's state is newer\n"
	"  replace   from DIRECTORY/tpm, whatever libvirt has\n"
	"  forget    removes libvirt's state if DIRECTORY/tpm holds the same bytes\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n"
	"\n"
	"Example:\n"
	"  sudo vtpm_setup backup 6f88b54b-5dae-41fe-a43e-b2763f601cfc "
	"/var/lib/one/datastores/0/7\n";

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;

	program_open_descriptors();
	if (program_help(argv, help))
		return 0;
	program_become_root_copy("vtpm_setup", argv);
	if (argc != 4)
		vmm_fail(&error, VMM_ERROR_USAGE, "usage: vtpm_setup "
			 "backup|keep|recover|replace|forget UUID DIRECTORY");
	else if (tpm_state_run(argv[1], argv[2], argv[3], &error))
		return 0;

	return program_fail("vtpm_setup", error);
}
