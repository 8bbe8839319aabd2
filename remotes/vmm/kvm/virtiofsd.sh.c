/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtiofsd.sh - what libvirt, as root, starts as virtiofsd: the first one that is there, as the
 * user oneadmin. (The name is what domains' XML has always held; it is no shell script.)
 *
 * Source: docs/facts/actions.md 20; pitfalls.md P-9, P-15.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/program.h"
#include "conf/paths.h"
#include "conf/rc.h"

static const char name[] = "virtiofsd.sh";
static const char user[] = "oneadmin";
static const char usual[] =
	"/usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd /usr/lib/virtiofsd/virtiofsd";

static const char help[] =
	"Usage:\n"
	"  virtiofsd.sh [ARGUMENT…]\n"
	"\n"
	"Started by libvirt, as root, as the virtiofsd of a FILESYSTEM disk: runs the first\n"
	"program of VIRTIOFSD_BINARY_PATH (kvmrc) that is there, with the same arguments, as\n"
	"oneadmin.\n"
	"\n"
	"Example:\n"
	"  virtiofsd.sh --version\n";

/* The settings; as root without a shell, and only from a file that only root can write. */
static char *candidates(void)
{
	g_autofree char *path = conf_path_kvmrc();
	g_autoptr(ConfRc) rc = NULL;
	const char *value;
	struct stat st;

	if (stat(path, &st) < 0 || st.st_mode & 022)
		return g_strdup(usual);
	rc = conf_rc_load(path, CONF_RC_PLAIN, NULL);
	if (rc)
		value = conf_rc_get(rc, "VIRTIOFSD_BINARY_PATH");
	else
		value = NULL;

	return g_strdup(value ? value : usual);
}

/* The first that is there. The caller frees. */
static char *choose(const char *list, GError **error)
{
	g_auto(GStrv) paths = g_strsplit_set(list, " \t\n", -1);

	for (char **p = paths; *p; p++)
		if (g_path_is_absolute(*p) && access(*p, X_OK) == 0)
			return g_strdup(*p);
	vmm_fail(error, VMM_ERROR_NOT_FOUND, "no virtiofsd; looked for: %s", list);
	vmm_error_set_hint(error, "see VIRTIOFSD_BINARY_PATH in kvmrc");

	return NULL;
}

/* The one that QEMU ships drops its rights itself; it must be a file of the system. */
static bool check_system(int fd, const char *path, GError **error)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return vmm_fail_errno(error, errno, "cannot look at %s", path);
	if (S_ISREG(st.st_mode) && st.st_uid == 0 && !(st.st_mode & 022))
		return true;

	return vmm_fail(error, VMM_ERROR_PERMISSION,
			"%s is not run as root: it must be root's, and nobody else may write it",
			path);
}

static bool become_user(GError **error)
{
	/* cppcheck-suppress getpwnamCalled ; there is one thread */
	const struct passwd *pw = getpwnam(user);

	if (!pw)
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "there is no user %s", user);
	if (initgroups(user, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0)
		return vmm_fail_errno(error, errno, "cannot become %s", user);

	return true;
}

/* Runs what FD, which was checked, is open on; its path may lead elsewhere by now. */
static void run(int fd, char **argv)
{
	char start[2] = "";

	/* An interpreter opens its script again by the descriptor's number. */
	if (pread(fd, start, sizeof start, 0) == sizeof start && !memcmp(start, "#!", 2))
		fcntl(fd, F_SETFD, 0);
	fexecve(fd, argv, environ);
}

/* Runs PATH; as root only the one that QEMU came with. Returns only if that fails. */
static void become(char *path, char **argv, GError **error)
{
	bool is_root = geteuid() == 0, stays_root = is_root && strstr(path, "qemu");
	int fd;

	if (is_root && !stays_root && !become_user(error))
		return;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		vmm_fail_errno(error, errno, "cannot open %s", path);
		return;
	}

	if (stays_root && !check_system(fd, path, error))
		return;

	argv[0] = path;
	run(fd, argv);
	vmm_fail_errno(error, errno, "cannot run %s", path);
}

/* Becomes the virtiofsd; returns the exit status if that fails. */
static int start(char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *list = candidates();
	g_autofree char *path = choose(list, &error);

	if (path)
		become(path, argv, &error);

	return program_fail(name, error);
}

int main(int argc G_GNUC_UNUSED, char **argv)
{
	if (program_help(argv, help))
		return 0;

	return start(argv);
}
