/* SPDX-License-Identifier: Apache-2.0 */
#include "action_place.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "conf/paths.h"
#include "fleet/fleet.h"
#include "wire/ssh.h"

#define PROGRAMS "vmm/kvm"

static bool has_programs(const char *dir)
{
	g_autofree char *path = g_build_filename(dir, PROGRAMS, "poll", NULL);

	return access(path, X_OK) == 0;
}

/* On a front-end that is its own host the set may not have been synced: its source will do. */
bool action_place_find(const struct cli_options *o, struct action_place *ret, GError **error)
{
	g_autofree char *dir = o->dir ? g_strdup(o->dir) : fleet_remote_dir();
	g_autofree char *tree = conf_path_var("remotes");

	if (o->host && !wire_ssh_check_host(o->host, error))
		return false;
	if (!o->host && !o->dir && !has_programs(dir) && has_programs(tree)) {
		g_free(dir);
		dir = g_strdup(tree);
	}

	if (!g_path_is_absolute(dir))
		return vmm_fail(error, VMM_ERROR_USAGE, "--dir %s: not an absolute path", dir);

	*ret = (struct action_place){ o->host, g_steal_pointer(&dir), text_or(o->ssh, "ssh") };

	return true;
}

/* A user who can write to a program that root runs can do all that root can. */
static bool check_owner(const char *path, GError **error)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		vmm_fail_errno(error, errno, "cannot use %s", path);
		vmm_error_set_hint(error, "run vmmexec on the VM's host, or name that with --host");
		return false;
	}

	if ((st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & S_IWOTH))
		return true;
	vmm_fail(error, VMM_ERROR_PERMISSION, "%s belongs to another user, or any user can write "
		 "to it", path);
	vmm_error_set_hint(error, "run vmmexec as the owner of the programs: sudo -u oneadmin "
			   "vmmexec …");

	return false;
}

/* On another host the shell there looks at the owner of the programs. */
char *action_place_program(const struct action_place *place, const char *action, GError **error)
{
	g_autofree char *program = g_build_filename(place->dir, PROGRAMS, action, NULL);
	g_autofree char *vmm = g_build_filename(place->dir, "vmm", NULL);
	g_autofree char *kvm = g_build_filename(place->dir, PROGRAMS, NULL);
	const char *const paths[] = { place->dir, vmm, kvm, program };

	for (size_t i = 0; !place->host && i < G_N_ELEMENTS(paths); i++)
		if (!check_owner(paths[i], error))
			return NULL;

	return g_steal_pointer(&program);
}
