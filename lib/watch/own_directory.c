/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/own_directory.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static bool is_of_us(const struct stat *st)
{
	return st->st_uid == geteuid() || st->st_uid == 0;
}

bool own_directory_check(const char *path, GError **error)
{
	struct stat name, directory;
	bool is_own;

	if (!file_make_directory(path, error))
		return false;
	if (lstat(path, &name) < 0 || stat(path, &directory) < 0)
		return vmm_fail_errno(error, errno, "cannot look at %s", path);

	is_own = is_of_us(&name) && is_of_us(&directory);
	if (is_own && !(directory.st_mode & S_IWOTH))
		return true;

	vmm_fail(error, VMM_ERROR_PERMISSION, "cannot keep anything in %s: it is not ours alone",
		 path);
	vmm_error_set_hint(error, "remove it; the agent makes it anew");

	return false;
}
