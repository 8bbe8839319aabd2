/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/paths.h"

#include <string.h>

#include "base/program.h"
#include "base/text.h"

static char *below(const char *system, const char *own, const char *file)
{
	const char *location = g_getenv("ONE_LOCATION");

	if (location && *location)
		return g_build_filename(location, own, file, NULL);

	return g_build_filename(system, file, NULL);
}

char *conf_path_etc(const char *file)
{
	return below("/etc/one", "etc", file);
}

char *conf_path_var(const char *file)
{
	return below("/var/lib/one", "var", file);
}

char *conf_path_log(const char *file)
{
	return below("/var/log/one", "var", file);
}

char *conf_path_remotes(const char *file)
{
	static const char *const folders[] = { "/vmm/kvm", "/im/kvm.d", "/im/qemu.d", "/im",
					       "/vmm" };
	g_autofree char *self = program_path();
	g_autofree char *dir = g_path_get_dirname(text_or(self, "."));

	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++)
		if (g_str_has_suffix(dir, folders[i])) {
			dir[strlen(dir) - strlen(folders[i])] = '\0';
			break;
		}

	return g_build_filename(dir, file, NULL);
}

char *conf_path_kvmrc(void)
{
	return conf_path_remotes("etc/vmm/kvm/kvmrc");
}
