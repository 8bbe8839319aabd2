/* vtpm_setup - copies a virtual TPM's state between libvirt's place and the VM's; by sudo. */
#include "host/tpm_state.h"
#include "base/program.h"

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;

	program_open_descriptors();
	program_become_root_copy("vtpm_setup", argv);
	if (argc != 4)
		vmm_fail(&error, VMM_ERROR_USAGE, "usage: vtpm_setup "
			 "backup|keep|recover|replace|forget UUID DIRECTORY");
	else if (tpm_state_run(argv[1], argv[2], argv[3], &error))
		return 0;
	return program_fail("vtpm_setup", error);
}
