/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgpu - makes and removes the virtual GPUs of a VM; root's, by sudo, so it trusts nothing.
 *
 * Source: docs/facts/actions.md 21; pitfalls.md P-9.
 */
#include "host/vgpu_device.h"
#include "base/program.h"
#include "base/text.h"
#include "conf/paths.h"
#include "conf/rc.h"
#include "xml/xml.h"
#include "virt/connect.h"
#include "virt/virt_domain.h"

enum { OPEN_MS = 30000 };

static const char help[] =
	"Usage:\n"
	"  vgpu create|delete VM.xml\n"
	"  vgpu datastore DEPLOY_ID\n"
	"\n"
	"Creates or removes the virtual GPUs of a VM as root; with datastore, prints the VM's\n"
	"directory. VM.xml is the VM document that deploy's caller stored in that directory.\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n"
	"\n"
	"Example:\n"
	"  sudo vgpu create /var/lib/one/datastores/0/7/vm.xml\n";

/* Prints the directory of VM DEPLOY_ID, from its domain. */
static bool print_directory(const char *deploy_id, GError **error)
{
	g_autofree char *path = conf_path_kvmrc();
	g_autoptr(ConfRc) rc = conf_rc_load(path, CONF_RC_PLAIN | CONF_RC_OPTIONAL, NULL);
	const char *uri = rc ? conf_rc_get(rc, "LIBVIRT_URI") : NULL;
	const char *space = rc ? conf_rc_get(rc, "LIBVIRT_MD_URI") : NULL;
	g_autoptr(virConnect) conn = virt_open(text_or(uri, "qemu:///system"), OPEN_MS, error);
	g_autoptr(virDomain) dom = conn ? virt_domain(conn, deploy_id, NULL, error) : NULL;
	g_autofree char *directory = NULL;

	if (!dom)
		return false;
	directory = virt_vm_directory(dom, space ? space :
				      "http://opennebula.org/xmlns/libvirt/1.0");
	if (!directory)
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "Datastore path not found");
	printf("%s\n", directory);

	return true;
}

static void warn(const char *text)
{
	fprintf(stderr, "WARN: vgpu: %s\n", text);
}

static bool run(const char *verb, const char *argument, GError **error)
{
	if (!g_ascii_strcasecmp(verb, "datastore"))
		return print_directory(argument, error);
	if (!g_ascii_strcasecmp(verb, "create"))
		return vgpu_device_create(argument, error);
	if (!g_ascii_strcasecmp(verb, "delete"))
		return vgpu_device_delete(argument, warn, error);

	return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not create, delete or datastore", verb);
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;

	program_open_descriptors();
	if (program_help(argv, help))
		return 0;
	if (argc == 3 && g_ascii_strcasecmp(argv[1], "datastore"))
		program_become_root_copy("vgpu", argv);
	if (argc != 3)
		vmm_fail(&error, VMM_ERROR_USAGE, "usage: vgpu create|delete VM.xml | datastore "
			 "DEPLOY_ID");
	else if (run(argv[1], argv[2], &error))
		return 0;

	return program_fail("vgpu", error);
}
